/** The statistics of Cutover as a library: every documented method. Written by `npm run schema`; do not edit. */

export { type ArmSummary, summarizeMeans, summarizeRates } from './bandit/arm-summary.ts'
export { type BestArm, bernoulliBestArm, gaussianBestArm, type StoppingRule } from './bandit/best-arm.ts'
export { addWeightedValue, discountFactor, discountMoments, discountOutcomes } from './bandit/discount.ts'
export { checkProbabilities, draw } from './bandit/draw.ts'
export { epsilonGreedy } from './bandit/epsilon-greedy.ts'
export { withFloor } from './bandit/floor.ts'
export { greatestOfNormals } from './bandit/greatest-of-normals.ts'
export { klUcb } from './bandit/kl-ucb.ts'
export { laiRobbins } from './bandit/lai-robbins.ts'
export { type LinearAllocation, linearThompson } from './bandit/lin-ts.ts'
export { linearUcb } from './bandit/lin-ucb.ts'
export {
  discountRidge,
  emptyRidge,
  observeRidge,
  type RidgeModel,
  type RidgeState,
  scoreRidge,
  solveRidge,
} from './bandit/ridge.ts'
export { type Slid, slideMoments, slideOutcomes, type Window } from './bandit/sliding-window.ts'
export { type ArmStratum, stratifiedArms } from './bandit/stratified-arms.ts'
export { type BetaPrior, betaGrid, checkPrior, thompsonBeta, UNIFORM_PRIOR } from './bandit/thompson-beta.ts'
export { bestOrEven, thompsonGaussian } from './bandit/thompson-gaussian.ts'
export { topTwo, topTwoBeta, topTwoGaussian } from './bandit/top-two.ts'
export { type IndexAllocation, ucb1 } from './bandit/ucb1.ts'
export { type BetaComparison, type BetaPosterior, betaComparison, UNIFORM_BETA_PRIOR } from './bayes/beta-binomial.ts'
export {
  checkChoice,
  type Gaussian,
  type GaussianComparison,
  gaussianComparison,
  RELATIVE_EFFECT_PRIOR,
} from './bayes/gaussian.ts'
export { type CoverageComparison, type CoverageStratum, compareCoverage, type MaturedCounts } from './delay/coverage.ts'
export { type DelayCounts, type DelayDistribution, delayDistribution } from './delay/delay-distribution.ts'
export { delayQuantiles, type MaturityAge, maturityAge, shareArrived } from './delay/maturity-age.ts'
export { binnedDrift, type DriftStatistics, type FeatureDrift, judge } from './drift/binned-drift.ts'
export {
  addToHistogram,
  type DriftReference,
  emptyHistogram,
  type FeatureValue,
  type Histogram,
  mergeHistograms,
  type NumberReference,
  numberReference,
  type TextReference,
  textReference,
} from './drift/binning.ts'
export {
  addToChangeDetector,
  type ChangeDetectorState,
  type ChangeDirection,
  type ChangeVerdict,
  judgeChange,
  startChangeDetector,
} from './drift/change-detector.ts'
export { type CorrectedFeature, type DatasetDrift, datasetDrift } from './drift/dataset-drift.ts'
export { featureDrift } from './drift/feature-drift.ts'
export { type DivergenceUnit, type JensenShannon, jensenShannon } from './drift/jensen-shannon.ts'
export { binnedKs, type Ks, ks } from './drift/ks.ts'
export { type Psi, psi } from './drift/psi.ts'
export { type TwoSampleChiSquare, twoSampleChiSquare } from './drift/two-sample-chi-square.ts'
export { binnedWasserstein, type Wasserstein, wasserstein } from './drift/wasserstein.ts'
export {
  type ChiSquareTest,
  chiSquareTest,
  type ExpectedCounts,
  type Statistic,
  statisticsOf,
  sumOf,
} from './fixed/chi-square.ts'
export {
  type AdjustedArm,
  type AdjustedArms,
  type Cuped,
  checkArm,
  cuped,
  type ThetaChoice,
  withinArms,
} from './fixed/cuped.ts'
export { type CupedWithNewUnits, cupedWithNewUnits, type UnitsByHistory } from './fixed/cuped-with-new-units.ts'
export { compareRatios, type RatioComparison, type RatioEstimate, ratioOf } from './fixed/delta-ratio.ts'
export { FISHER_DEVIATION_MAX, type FisherExact, fisherExact } from './fixed/fisher-exact.ts'
export { type MannWhitney, mannWhitney, RANKED_VALUES_MAX } from './fixed/mann-whitney.ts'
export { miettinenNurminenInterval, miettinenNurminenTest, type ScoreTest } from './fixed/miettinen-nurminen.ts'
export { benjaminiHochberg, bonferroni, type Correction, type Family, holm } from './fixed/multiple-testing.ts'
export { clopperPearsonInterval, wilsonInterval, wilsonLimits } from './fixed/one-proportion.ts'
export { type OrderStatisticRanks, orderStatisticRanks, quantileInterval, sampleQuantile } from './fixed/quantiles.ts'
export { DELTA_METHOD_FROM, type RelativeLift, relativeLift } from './fixed/relative-lift.ts'
export { type SampleRatioFixed, sampleRatioFixed } from './fixed/sample-ratio-fixed.ts'
export {
  checkPair,
  checkQuestion,
  differenceOf,
  newcombeInterval,
  type ProportionQuestion,
  type RiskRatio,
  riskRatio,
  type TwoProportions,
  twoProportions,
} from './fixed/two-proportions.ts'
export {
  type MeanError,
  type MeanQuestion,
  meanErrors,
  satterthwaite,
  type WelchTest,
  welchTest,
} from './fixed/welch.ts'
export {
  type AnytimeEstimate,
  type AnytimeState,
  addToAnytime,
  anytimeOffPolicy,
  estimateAnytime,
  startAnytime,
} from './off-policy/anytime.ts'
export {
  doublyRobust,
  inversePropensity,
  selfNormalizedDoublyRobust,
  selfNormalizedInversePropensity,
  shrinkageDoublyRobust,
  switchDoublyRobust,
} from './off-policy/estimators.ts'
export { addGroupToOffPolicy, type LoggedGroup } from './off-policy/grouped-rows.ts'
export {
  addToOverlap,
  emptyOverlap,
  estimateOverlap,
  mergeOverlap,
  type Overlap,
  type OverlapAlarm,
  type OverlapState,
  overlap,
  refusePoorOverlap,
} from './off-policy/overlap.ts'
export { type Duration, testDuration } from './planning/duration.ts'
export {
  checkFractions,
  checkSides,
  type DriftForPower,
  driftForPower,
  type Exit,
  type Exits,
  exitProbabilities,
  type LookPlan,
  type Sides,
} from './planning/group-sequential.ts'
export { type PlannedLook, type Spending, spendingBoundaries } from './planning/lan-demets.ts'
export { detectableMean, type MeanMethod, meanPower, meanSampleSize, type Spreads } from './planning/mean-power.ts'
export {
  type DetectableProportion,
  detectableProportion,
  type ProportionMethod,
  proportionPower,
  proportionSampleSize,
  type Rates,
} from './planning/proportion-power.ts'
export {
  balancedClusters,
  type SequentialDesign,
  sequentialBoundary,
  sequentialSampleSize,
} from './planning/sequence-boundary.ts'
export {
  type Agreement,
  type Label,
  labelAgreement,
  numberAgreement,
  TEXT_LENGTH_MAX,
  textAgreement,
  vectorAgreement,
} from './quality/agreement.ts'
export { type Auc, areaOf, auc, aucFromBins, binningErrorOf, delongVariance } from './quality/auc.ts'
export {
  type Calibration,
  calibration,
  equalMassCalibration,
  equalMassCalibrationOfRows,
  type ReliabilityBin,
  spiegelhalterTest,
} from './quality/calibration.ts'
export {
  addToCalibration,
  type CalibrationCell,
  type CalibrationState,
  checkBinNumber,
  checkState,
  emptyCalibration,
  emptyCell,
  type JudgedProbability,
  joined,
  mergeCalibration,
} from './quality/calibration-state.ts'
export {
  type AgreementComparison,
  agreementProportion,
  compareAgreement,
  type PairedOutcomes,
} from './quality/compare-agreement.ts'
export { type AucComparison, aucComparisonFromBins, compareAuc, compareIndependentAuc } from './quality/compare-auc.ts'
export {
  type ClassQuality,
  type ConfusionQuality,
  checkAveraged,
  confusionQuality,
  f1Macro,
  f1Of,
  precisionOf,
  recallOf,
  type Value,
} from './quality/confusion.ts'
export { type ConfusionStatistic, confusionStatistic } from './quality/confusion-statistic.ts'
export { cohenKappa, type Kappa } from './quality/kappa.ts'
export { kendallTau } from './quality/kendall-tau.ts'
export {
  brierOfRow,
  brierScore,
  checkProbability,
  logLoss,
  logLossOfRow,
  type MeanLoss,
  PROBABILITY_MIN,
  type ProbabilityRow,
} from './quality/log-loss.ts'
export { type McNemar, mcnemar, type PValue } from './quality/mcnemar.ts'
export { type RankBiasedOverlap, rankBiasedOverlap } from './quality/rank-biased-overlap.ts'
export {
  averagePrecision,
  type Gain,
  type ListQuality,
  ndcg,
  precisionAt,
  recallAt,
  reciprocalRank,
} from './quality/ranking.ts'
export {
  type Estimate,
  meanAbsoluteError,
  meanAbsolutePercentageError,
  rootMeanSquaredError,
  rSquared,
} from './quality/regression.ts'
export {
  addToRegressionQuality,
  checkRegression,
  emptyRegressionQuality,
  mergeRegressionQuality,
  type RegressionState,
} from './quality/regression-state.ts'
export type { Failure, Result } from './result.ts'
export { type Aipw, type AipwSequence, addAipw, aipwSequence, startAipw, type Weights } from './sequential/aipw.ts'
export { anytimeRegression, type RegressionEffect } from './sequential/anytime-regression.ts'
export {
  type AssignmentBetting,
  type AssignmentEvidence,
  addAssignment,
  assignmentEvidence,
  startAssignmentBetting,
} from './sequential/assignment-betting.ts'
export { type BernoulliSequence, bernoulliSequence } from './sequential/bernoulli-sequence.ts'
export {
  addBet,
  type Betting,
  type BoundedMean,
  bettingEvidence,
  bettingSequence,
  startBetting,
} from './sequential/betting.ts'
export {
  gammaExponentialBound,
  normalMixtureBound,
  polyStitchingBound,
  type UniformBound,
} from './sequential/boundaries.ts'
export {
  CLUSTERS_NEEDED,
  compareMeans,
  DEFAULT_TUNED_FOR,
  type MeanArm,
  type MeanComparison,
  type MeanStratum,
  meanBoundary,
  STRATUM_CLUSTERS_NEEDED,
} from './sequential/compare-means.ts'
export {
  comparePairedMeans,
  PAIRS_NEEDED,
  type PairedMeanComparison,
  type PairedMoments,
} from './sequential/compare-paired-means.ts'
export {
  comparePairedProportions,
  type PairedProportionComparison,
  pairedProportionEvidence,
} from './sequential/compare-paired-proportions.ts'
export {
  compareProportions,
  type ProportionComparison,
  type ProportionEvidence,
  type ProportionStratum,
  proportionEvidence,
} from './sequential/compare-proportions.ts'
export { addBernstein, type Bernstein, bernsteinSequence, startBernstein } from './sequential/empirical-bernstein.ts'
export { asymptoticSequence, msprt, type NormalSequence } from './sequential/msprt.ts'
export {
  type ErrorAttribution,
  errorAttribution,
  type MultinomialEvidence,
  type MultinomialStratum,
  multinomialEvidence,
} from './sequential/multinomial.ts'
export { type ProportionSequence, proportionSequence } from './sequential/proportion-sequence.ts'
export {
  compareQuantiles,
  type QuantileComparison,
  type QuantileSequence,
  quantileSequence,
} from './sequential/quantile-sequence.ts'
export { type RatioStratum, type SampleRatio, sampleRatio } from './sequential/sample-ratio.ts'
export {
  addToRegression,
  mergeRegressions,
  startRegression,
  type TriangularRegression,
} from './sequential/triangular-regression.ts'
export { DDSketch } from './summaries/ddsketch.ts'
export { ExactMoments, type VectorMoments } from './summaries/exact-moments.ts'
export { ExactSum } from './summaries/exact-sum.ts'
export {
  addToJointMoments,
  checkJointMoments,
  covariance,
  emptyJointMoments,
  type JointMoments,
  mergeJointMoments,
  momentsOfX,
  momentsOfY,
} from './summaries/joint-moments.ts'
export { addToMoments, emptyMoments, type Moments, mergeMoments, variance } from './summaries/moments.ts'
export {
  addWinsorised,
  type Bounds,
  emptyWinsorisedMoments,
  mergeWinsorised,
  type WinsorisedMoments,
  winsorise,
} from './summaries/winsorise.ts'
