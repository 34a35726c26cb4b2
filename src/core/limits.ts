/**
 * Every bound of the system has its name here: queues, bodies, timeouts, windows, histories.
 * What happens at the bound stands beside it.
 */
export const limits = {
  /** Weights are parts per million; they sum to this. */
  ppmTotal: 1_000_000,

  /** Names of endpoints, versions and metrics: longer ones are refused. */
  nameLengthMax: 63,
  versionsPerEndpointMax: 100,
  instancesPerVersionMax: 64,
  stagesPerReleaseMax: 20,
  stepsPerStageMax: 100,
  guardrailsPerReleaseMax: 50,
  freezeWindowsMax: 20,
  /** Rules of a release's scope, and values of one rule; more are refused. */
  scopeRulesMax: 20,
  scopeValuesMax: 1_000,
  /** Releases of one endpoint that wait for their turn; one more is refused. */
  queuedReleasesMax: 20,
  /** The traffic of an endpoint is looked at this often, and compared with what it was so many looks ago. */
  rateLookMs: 5_000,
  rateLooksMax: 60,
  /** Endpoints that one grouped release moves together. */
  groupMembersMax: 20,
  /** Arms of a bandit; more are refused. */
  banditArmsMax: 20,
  /** Times that a bandit may change its weights: each begins an epoch of evidence. A plan with more is refused. */
  banditUpdatesMax: 1_000,
  /** Weights of a bandit that would move less of the traffic than this stay, so that its epochs are few. */
  banditMoveLeastPpm: 10_000,
  /** A move of at least this much of the traffic since the last entry is an entry of the timeline. */
  banditTellPpm: 50_000,
  /** Columns that the features of a contextual bandit may become; more are refused. A score takes time by their square. */
  contextColumnsMax: 32,
  /** Numbers of all arms' models together: each update writes them down. A plan with more is refused. */
  contextNumbersMax: 2_500,
  /** Flags, and segments that they share; more are refused. */
  flagsMax: 5_000,
  flagSegmentsMax: 1_000,
  /** That workers are told of in one turn of the event loop, before further changes wait for its end. */
  flagsToldPerTurn: 10_000,
  /** Of one flag: more are refused. */
  flagVariantsMax: 100,
  flagRulesMax: 200,
  flagConditionsMax: 50,
  flagStepsMax: 100,
  /** Values of one condition, and units that a segment lists. */
  flagValuesMax: 10_000,
  /** Flags that require one another in a row; a longer row is refused. */
  flagRequirementDepthMax: 20,
  /** Flags that one evaluation looks at, by way of requirements; more are refused. */
  flagRequirementLooksMax: 1_000,
  /** Changes of one flag that are at hand; the log has all. Deleted flags that an undo brings back. */
  flagChangesKept: 50,
  deletedFlagsKept: 100,
  /** Parts and levels of one targeting expression; more are refused. Steps of one evaluation; one that takes more fails. */
  logicNodesMax: 2_000,
  logicDepthMax: 60,
  logicStepsMax: 100_000,
  /** The context of an OFREP request. */
  flagContextBytesMax: 256 * 1024,
  /** Segments of one traffic table; a change that would pass it is refused. */
  segmentsMax: 10_000,

  /** Connections of callers that are open at once, of all workers, unless the settings say otherwise. One more is closed at once. */
  callerConnections: 10_000,
  /** The most that the settings may ask for. */
  callerConnectionsMax: 100_000,
  /** Bodies over these are answered 413 and the connection is closed. */
  inferenceBodyBytesMax: 64 * 1024 * 1024,
  feedbackBodyBytesMax: 8 * 1024 * 1024,
  /** A question for the index of models; it says no more than whether only ready ones are meant. */
  repositoryQuestionBytesMax: 4 * 1024,
  controlBodyBytesMax: 4 * 1024 * 1024,
  headerBytesMax: 32 * 1024,
  /** Header fields of one request; more are answered 431. */
  headerFieldsMax: 1_000,
  /** Of those, in a request that is read on the fast path; one with more goes the long way. */
  plainFieldsMax: 100,
  /** Chunk extensions of one body, in bytes; a body with more is refused. */
  chunkExtensionBytesMax: 4 * 1024,
  /** Interim answers (103 and the like) before an answer; more are no answer. */
  interimAnswersMax: 20,
  /** Outcomes in one feedback request; more are answered 413. */
  feedbackItemsMax: 10_000,
  /** Members of one object in it, such as the metrics of one outcome; with more it is refused before it is read. */
  feedbackMembersMax: 1_000,
  /** Faults of one outcome that are told beside outcomes that were taken; the rest are counted. */
  feedbackFaultsToldMax: 10,
  /** Faults listed in one answer; the rest are counted. */
  problemsListedMax: 100,
  /** Request bodies of a stated length up to this are taken whole before a model server is asked: a slow caller holds none of its connections. */
  wholeBodyBytesMax: 64 * 1024,
  /** Longer ones that are taken whole, of all requests, from their first bytes until they are answered. One that would pass it is answered 503. */
  heldBodiesBytesMax: 512 * 1024 * 1024,
  /** After a refusal this much of an unread body, for this long, is read and dropped, so that the caller sees the answer; then the connection is cut. */
  lingerBytesMax: 16 * 1024 * 1024,
  lingerMs: 1_000,
  /** API keys of one server; one more is refused. Metrics have a series for each. */
  apiKeysMax: 1_000,
  /** Endpoints that one key names; more are refused. */
  endpointsPerKeyMax: 100,
  /** Key texts that were proven and need not be hashed again; when full all are forgotten. */
  keyCacheMax: 10_000,
  /** A secret that was rotated may count on for this long at most. */
  keyOverlapMsMax: 30 * 24 * 3600_000,
  /** Certificate files are looked at this often. */
  certificateLookMs: 5_000,
  /** A certificate or key file longer than this is refused. */
  certificateBytesMax: 1024 * 1024,
  /** Origins, methods or fields that one CORS rule names; more are refused. */
  corsEntriesMax: 100,
  /** Members of one object of a body in OpenAI's style that is looked into, which has some forty; with more it is refused. */
  openAiMembersMax: 1_000,
  /** Messages among which the first one of a user is looked for. */
  openAiMessagesReadMax: 1_000,
  /** A body that is looked into and nested more deeply is refused. */
  jsonDepthMax: 256,
  /** An event of a stream that is longer is passed on in parts and never left out. */
  sseEventBytesMax: 64 * 1024,
  /** An answer in one piece of JSON, or an event of a stream, that is longer passes on with its tokens uncounted. */
  measuredAnswerBytesMax: 1024 * 1024,
  /** Answers whose conversation may go on, of all endpoints, by the id that a follow-up names (over `unitKeyBytesMax` by its hash); beyond it the oldest are forgotten. */
  conversationsRememberedMax: 100_000,
  /** Fields of one gRPC message, those of its tensors and parameters included, and bytes of one shape; with more it is refused before it is decoded. */
  messageFieldsMax: 20_000,
  messageShapeBytesMax: 320,
  /** Messages of all gRPC calls, in bytes, from their first byte until they are answered. A call that would pass it ends with RESOURCE_EXHAUSTED. */
  grpcMessagesBytesMax: 512 * 1024 * 1024,
  /** Calls at once on one gRPC connection; the others wait at the caller. */
  grpcStreamsMax: 1_000,
  /** Characters of what a gRPC status says; the rest is cut off, since it travels as a header field. */
  grpcDetailsMax: 1_000,
  /** What a model server says of its extensions is asked for again after this time, and taken for "none" when it does not come within the other. */
  extensionsKnownMs: 60_000,
  extensionsTimeoutMs: 2_000,
  unitKeyBytesMax: 512,
  predictionIdBytesMax: 128,

  /** The part of an answer that is kept to read the predicted value from; a longer answer is recorded without one. */
  answerBytesMax: 256 * 1024,
  /** An answer up to this is read at once, in some microseconds; what is greater waits to be read between turns. */
  answerReadAtOnceBytesMax: 2 * 1024,
  /** Packed answers that are still being read when a gateway ends are waited for this long; what comes later is lost, and told. */
  lastAnswersReadMs: 1_000,
  /** A request or answer body longer than this is not kept as a payload; nor is its counterpart. */
  payloadBytesMax: 256 * 1024,
  /** A request with a longer path, or a longer header among those that are kept, cannot be sent again: its bodies are kept alone. */
  sentPathBytesMax: 1_024,
  sentHeaderBytesMax: 256,
  /** Recorded requests, and their bodies, that one question for them may bring; the older ones are left out. */
  payloadsReadMax: 10_000,
  payloadsReadBytesMax: 64 * 1024 * 1024,
  /** A server that comes up waits so long for its evidence; then callers are served while it is read, and releases stand still. */
  rebuildWaitMs: 5_000,
  /** Predictions and outcomes that wait for it meanwhile; more of them are read from the log in the end. */
  rebuildHeldMax: 50_000,
  /** Reading that failed meanwhile is tried again after a pause, which doubles up to this. */
  rebuildRetryMinMs: 1_000,
  rebuildRetryMaxMs: 60_000,
  /** Predictions cannot be asked to be kept for less, since labels come late. */
  predictionsKeptMsMin: 3600_000,
  /** What is older is looked for this often, and let go some at a time with so long between them: appends wait meanwhile. */
  trimIntervalMs: 60_000,
  trimPauseMs: 100,
  /** A clock that has moved by more than the first against the time that passed is not believed for the second: what is let go is gone. */
  clockJumpMs: 60_000,
  clockDoubtMs: 3600_000,
  /** Items of one ranking, answered or true; a longer one is not read, or refused. */
  rankedItemsMax: 1_000,
  /**
   * Predictions of a stage with challengers that are kept for their other half. Beyond it the oldest go: a challenger's
   * answer, or a label that comes before it, finds no champion then and is counted as lost.
   */
  pairsHeldMax: 20_000,
  /** Scores and, where their shape is compared, bodies of those predictions. */
  pairsHeldBytesMax: 64 * 1024 * 1024,
  /** Recorded requests that a challenger answers; with fewer recorded it is asked again after a pause, when more may have come. */
  replayPairsMax: 1_000,
  replayPauseMs: 60_000,
  /** A report that has not come by then is asked for again. */
  replayReportMs: 15 * 60_000,
  /** Disagreements that a stage may keep as examples, by challenger. */
  pairExamplesMax: 100,
  /** Characters (or words, of longer ones) of two texts that are compared; what lies beyond counts as different unless equal. */
  comparedTextMax: 512,
  /** Values of a JSON body, and levels of it, whose shape is compared; one with more is not compared. */
  comparedNodesMax: 10_000,
  comparedDepthMax: 64,
  /** Classes whose scores are recorded; an answer with more has none. */
  scoresMax: 1_000,
  /** Features that one endpoint declares; more are refused. A category longer than so many characters is not read and counted. */
  featuresPerEndpointMax: 30,
  featureTextMax: 200,
  /** Predictions of the reference and of a window in which drift is looked for: raw values of both are kept in memory. */
  driftReferenceMax: 10_000,
  driftWindowMax: 10_000,
  /** A number further from 0 counts as missing there: sums of squares of so many would not fit a double, and one would end all comparison. */
  driftNumberMax: 1e140,
  /** Alarms of a watched version that change again within this time are restless. */
  monitorRestlessMs: 600_000,
  /** So many restless changes in a row are told at once. After each further one an alarm lasts twice as long, from so long on and up to that. */
  monitorRestlessChanges: 4,
  monitorAlarmLastsMinMs: 10_000,
  monitorAlarmLastsMaxMs: 300_000,
  /** Kinds of later values of one endpoint whose delays are followed: the first ones that its metrics name. */
  delaySignalsMax: 50,
  /** Trials of a window in which an absolute check is judged. */
  monitorWindowMax: 1_000_000,

  /** Predictions waiting for the store. When full the newest is dropped and counted: live traffic never waits. */
  recorderQueueMax: 50_000,
  /** How long a connection to a server that stands by is held while nobody serves: longer than a lease lasts. */
  standbyHoldMs: 30_000,
  /**
   * A gateway of a server that stands by goes on by the table that it has for so long without a word of the server that decides: long
   * enough for another one to take over. Then it lets requests finish for the second time, and after the third nobody answers by that table.
   */
  peerSilentMs: 30_000,
  peerDrainMs: 5_000,
  peerGoneMs: 36_000,
  /** Connections that rest when such a gateway ends may have one more answer within this: others answer on the same port. */
  peerRestMs: 2_000,
  /** Such a gateway asks for a word this often; a connection on which none came for so long is given up. */
  peerPingMs: 1_000,
  peerAnswerMs: 10_000,
  /** How often a server that stands by looks whether its gateways serve, and asks again where it was refused. */
  peerLookMs: 500,
  peerAgainMs: 3_000,
  /** And where it lacks what a version's servers want: somebody has to see to it. */
  peerUnfitAgainMs: 60_000,
  /** How often the log tells of an instance that answers no calls of such a gateway. */
  peerFailingAgainMs: 60_000,
  /** Of all servers that share a database, by each of their gateways. */
  peerConnectionsMax: 512,
  /** A longer message ends the connection: a batch of predictions with bodies is the longest. */
  peerFrameBytesMax: 256 * 1024 * 1024,
  /** How long predictions wait for a database that cannot be reached before they are lost; what comes meanwhile fills the queue. */
  databaseAwayMs: 30_000,
  /**
   * A batch goes to the store after this time or this many predictions, whichever is first. Longer makes it cheaper by little, and
   * callers wait for what a batch does at once.
   */
  recorderFlushMs: 50,
  /** A prediction that is older than the newest by more: the clock was put back in between. */
  delayClockSlipMs: 24 * 3600_000,
  recorderBatchMax: 2_000,
  /** JavaScript's heap of a store's thread, of which it uses a twentieth: V8 keeps more garbage the more it may have. */
  storeHeapMegabytesMax: 1_024,
  /** Outcomes whose prediction is not known yet are kept this long. */
  orphanOutcomeMs: 7 * 24 * 3600_000,

  /** Requests of one trial under way at once, whatever it asks for. */
  trialConcurrencyMax: 64,
  /** A request of a trial that is not answered in full by then has failed; so has one whose answer is longer. */
  trialRequestTimeoutMs: 30_000,
  trialAnswerBytesMax: 1024 * 1024,
  /** A trial ends then, with what it has. One that has not reported a while later is asked for again. */
  trialTimeoutMs: 10 * 60_000,
  /** A replay that showed nothing is tried again after this time: more requests may have been recorded. */
  trialRetryMs: 60_000,
  /** Requests of a trial that are kept as examples, and how much of each text. */
  trialExamplesMax: 10,
  trialExampleChars: 300,

  /** Gateway workers on one port. Bounds of a process are shared out among them. */
  gatewayWorkersMax: 64,
  /** A worker tells what it has counted this often; asked for it, it does so within the time below, or its last word counts. */
  workerCountsMs: 250,
  workerAnswerMs: 1_000,
  /** A worker asks whether another one knows of a conversation, and goes on without an answer after this: callers wait for it. */
  workerRecallMs: 500,
  /** What a failing worker has recorded is handed over within this time, or is lost. */
  workerLastWordsMs: 2_000,
  /** Workers are looked after this often. One that has said nothing for so many times in a row hangs, and is started again. */
  workerLookMs: 1_000,
  workerSilentLooksMax: 10,

  /** The longest time-out of a request, and of a question to another system, that may be asked for. */
  requestTimeMsMax: 24 * 3600_000,
  /** A timer of Node's: one that is set for longer rings at once. Longer waits are split. */
  timerMsMax: 2 ** 31 - 1,
  /** Requests of one process that are being answered. Copies are refused at half of it, candidates at nine tenths, then all. */
  requestsInFlightMax: 20_000,
  /** Requests of one endpoint that wait for its next version; more are answered 503. No more than the queue of one instance takes. */
  heldRequestsMax: 1_000,
  /** The longest hold that may be asked for: a long body is read after it and must arrive within `clientBodyTimeoutMs` all the same. */
  holdMaxMs: 50_000,

  /** Bodies of all copies for challengers, in bytes; a copy that would pass it is dropped and counted. */
  mirrorMemoryBytesMax: 64 * 1024 * 1024,
  /** Copies for one challenger that begin in one turn of the gateway's thread; the next ones begin in the turn after. */
  mirrorStartsPerTurn: 8,
  /** Of a queue that so many turns could not empty more begin, so that it lasts for these turns; but never more than this. */
  mirrorQueueTurns: 4,
  mirrorStartsPerTurnMax: 128,
  /** Copies that wait behind more than these have bytes of their own; others share the buffer that their request was read into. */
  mirrorSharedBodiesMax: 256,
  /** Copies wait while the gateway's thread is further behind than this; a full queue drops them. */
  mirrorLagMsMax: 50,
  /** A challenger that answers a copy with more than this on top of four times the champion's answer is cut off, and has failed. */
  mirrorAnswerBytesMax: 1024 * 1024,

  /** Requests waiting inside one local model instance; more are answered 503. */
  instanceQueueMax: 1_024,
  /** Rows of one run of an ONNX model that batches; more are refused when the document is applied. A request with more runs alone. */
  batchRowsMax: 1_024,
  /** The longest that a request may be asked to wait for others of its batch. */
  batchWaitMsMax: 1_000,
  /** Dimensions of a tensor that an ONNX model is asked with; more are answered 400. */
  tensorRankMax: 32,
  clientHeaderTimeoutMs: 15_000,
  clientBodyTimeoutMs: 60_000,
  keepAliveMs: 65_000,
  /** A caller that has ended its side and waits for its answer is asked this often whether it is still there; one that did so amid its answer, and is sent nothing for so long, is taken for gone. */
  halfClosedAskMs: 1_000,
  /** What a caller sends ahead of its answer is read up to this, and waits. */
  pipelinedBytesMax: 64 * 1024,
  /** An answer that its caller does not take is held up to this; then the model server has to wait. */
  answerBufferBytesMax: 64 * 1024,
  /** Connections to one model server, of all workers, unless its version says otherwise. Calls that find all of them busy wait as long as one may take to open, then are answered 503. */
  upstreamConnections: 1_024,
  /** The most that a version may ask for. */
  upstreamConnectionsMax: 16_384,

  /** A version that is not ready by then has failed. */
  readyTimeoutMs: 60_000,
  /** Requests in flight get this long when their instance is drained. */
  drainTimeoutMs: 30_000,
  /** Restarts of one instance within `restartWindowMs`; at one more the fleet has failed. */
  restartsMax: 5,
  restartWindowMs: 60_000,
  restartBackoffMinMs: 250,
  restartBackoffMaxMs: 15_000,
  /** What was asked of fleets and gateways and not answered is asked again this often. */
  insistMs: 15_000,
  /** The last output lines of a command that are kept to explain a failure. */
  commandLogLines: 200,

  /** A line of the server's log waits this long for a reader that is slow, and stands in everybody's way meanwhile; then it is lost and counted. */
  logWaitMs: 100,

  /** Spans on their way to a collector: beyond the queue they are dropped and counted. */
  spansQueueMax: 10_000,
  spansBatchMax: 500,
  spansFlushMs: 1_000,
  spansTimeoutMs: 5_000,

  healthIntervalMs: 1_000,
  /** Of a provider that is reached over https: it counts its calls, and requests tell sooner that it fails. */
  providerHealthIntervalMs: 15_000,
  healthTimeoutMs: 2_000,
  /** Consecutive failed health checks or requests after which an address is set aside. */
  outlierFailures: 5,
  outlierEjectionMs: 10_000,

  /** Starts of the server that a release, or a watch, keeps apart: each row of evidence is held against all of them. Those closest to each other are one beyond it. */
  restartPeriodsMax: 100,

  /** The controller looks at the evidence this often. */
  tickIntervalMs: 500,
  /** Looks at one release take no more of the time than this share: after a long one the next waits. */
  lookShareMax: 0.05,
  /** But no longer than this: a look during which the process stood still says nothing of what looks cost. */
  lookWaitMaxMs: 5_000,
  /** A window that a release learned is no shorter: by milliseconds a pause of the server looks like labels that are missing. */
  learnedWindowLeastMs: 5_000,
  /** Answers of a version at the start of an epoch whose latency is no evidence: it warms up. */
  warmUpAnswers: 20,
  /** Over this share of units that several versions served in one epoch, and this many, a comparison is invalid. */
  severalVersionsShareMax: 0.01,
  severalVersionsUnitsMin: 10,
  /** The newest predictions and outcomes from which the baseline of an A/B test is read. */
  baselineCommitsMax: 100_000,
  /** Units whose first version is remembered per release, for the sample-ratio check; later ones are not counted. */
  unitsTrackedMax: 1_000_000,
  /**
   * Units whose values one unit-level metric of a release keeps. With more of them evidence goes on over a random sample:
   * half of the units are let go, chosen by their hash, as often as needed. All stays valid; intervals widen.
   */
  unitsAnalysedMax: 2_000_000,
  /** An expression of a metric that is longer or more deeply nested is refused. */
  expressionLengthMax: 1_000,
  expressionNodesMax: 200,
  expressionDepthMax: 20,
  /** External metrics of versions that are read at once; further ones have no readings. */
  externalMetricsMax: 1_000,
  /** An external metric that nobody asked for this long is read no more. */
  externalForgetMs: 60_000,
  /** A longer answer of another system is a missing reading. */
  externalAnswerBytesMax: 256 * 1024,
  /** A webhook that does not answer by then has not been told. */
  webhookTimeoutMs: 10_000,
  /** A server that ends waits this long for a webhook's answer; the next one tells it again. */
  webhookLastWordsMs: 1_000,
  /** Of an answer of a webhook or gate this much is read and kept. */
  webhookAnswerBytesMax: 2_048,
  /** Deliveries under way at once; the others wait on disk. */
  deliveriesAtOnceMax: 32,
  /** To one address: a receiver that never answers must not keep the others from being told. */
  deliveriesPerAddressMax: 4,
  /** Attempts of one delivery, with doubling pauses between these: two days in all. Then it is given up and told. */
  deliveryAttemptsMax: 60,
  deliveryPauseMinMs: 1_000,
  deliveryPauseMaxMs: 3_600_000,
  /** Deliveries that are done with and still shown; older ones are forgotten. */
  deliveriesKept: 10_000,
  webhooksPerEndpointMax: 20,
  /** A gate that says neither yes nor no is asked again after this. */
  gatePauseMs: 15_000,
  /** Threads of one simulation, seeds of one, and strategies or scenarios beside each other; more are refused. */
  simulationThreadsMax: 8,
  simulationSeedsMax: 100_000,
  simulationsBesideMax: 20,
  /** Simulations that a server runs at once; one more is refused, since they share the machine with callers. */
  simulationsAtOnceMax: 1,
  /** A registry that does not answer is asked again with doubling pauses up to this. */
  registryPauseMaxMs: 600_000,
  registryTimeoutMs: 10_000,
  /** A longer answer of a registry is refused; so is the text of one version, tag or name in it. */
  registryAnswerBytesMax: 1024 * 1024,
  registryTextMax: 500,
  /** Files of one folder that are looked at; with more the folder is refused. */
  registryFilesMax: 10_000,
  /** A file that changed less than this ago may still be being written: it is taken at a later look. */
  registrySettleMs: 2_000,
  /** One version's files that are fetched: more, or more of them, are refused and nothing is kept. */
  registryDownloadBytesMax: 8 * 1024 ** 3,
  registryDownloadFilesMax: 1_000,
  registryDownloadMs: 30 * 60_000,
  /** Found versions that no release needs and that stay in an endpoint; the older ones are let go. */
  registryVersionsKept: 20,
  /** Events that one page of the control API returns. */
  pageMax: 1_000,
  /** Server-sent event streams open at once on the control listener. */
  eventStreamsMax: 200,
  /** Of these by one key, so that no reader shuts out the others. */
  eventStreamsPerKeyMax: 50,
  /** Files of the dashboard, kept in memory; a folder with more is not its build, and the server does not start. */
  dashboardFilesMax: 200,
  dashboardBytesMax: 16 * 1024 * 1024,
  /** After a start callers wait at most this long for every version that traffic goes to. */
  startupGraceMs: 10_000,
  /** A grace for the whole server to end in. */
  shutdownTimeoutMs: 10_000,
} as const
