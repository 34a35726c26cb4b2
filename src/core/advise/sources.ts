/** Where the rules come from: documents that were found to say so, and the project’s own judgement. The guide lists them. */
export const sources = {
  sre: {
    title: 'Warner & Davidovič, “Canarying Releases”, The Site Reliability Workbook, 2018, chapter 16',
    url: 'https://sre.google/workbook/canarying-releases/',
  },
  'blue-green': {
    title: 'Fowler, “BlueGreenDeployment”, 2010',
    url: 'https://martinfowler.com/bliki/BlueGreenDeployment.html',
  },
  toggles: {
    title: 'Hodgson, “Feature Toggles”, 2017',
    url: 'https://martinfowler.com/articles/feature-toggles.html',
  },
  kubernetes: {
    title: 'Kubernetes documentation, Deployments, section Strategy',
    url: 'https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#strategy',
  },
  argo: {
    title: 'Argo Rollouts documentation, Concepts, section Deployment Strategies',
    url: 'https://argo-rollouts.readthedocs.io/en/stable/concepts/',
  },
  sagemaker: {
    title: 'Amazon SageMaker documentation, Create a shadow test',
    url: 'https://docs.aws.amazon.com/sagemaker/latest/dg/shadow-tests-create.html',
  },
  guardrails: {
    title: 'Amazon SageMaker documentation, Blue/Green Deployments',
    url: 'https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html',
  },
  rolling: {
    title: 'Amazon SageMaker documentation, Use rolling deployments',
    url: 'https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-rolling.html',
  },
  flagger: {
    title: 'Flagger documentation, FAQ, When can I use traffic mirroring?',
    url: 'https://docs.flagger.app/faq',
  },
  growthbook: { title: 'GrowthBook documentation, Bandits', url: 'https://docs.growthbook.io/bandits/overview' },
  kohavi: {
    title: 'Kohavi, Tang & Xu, “Trustworthy Online Controlled Experiments”, Cambridge University Press, 2020',
    url: 'https://doi.org/10.1017/9781108653985',
  },
  huyen: {
    title: 'Huyen, “Designing Machine Learning Systems”, O’Reilly, 2022, chapter 9, section Test in Production',
    url: 'https://www.oreilly.com/library/view/designing-machine-learning/9781098107956/',
  },
  shadow: { title: 'Cutover, guide to shadows, section Why pairs: measured', url: 'shadow.md#why-pairs' },
  evidence: { title: 'Cutover, Evidence, section What it costs: measured', url: '../evidence.md#what-it-costs' },
  strategies: {
    title: 'Cutover, Strategies, section How long users meet a broken version: measured',
    url: '../strategies.md#how-long-users-meet-a-broken-version',
  },
  releases: { title: 'Cutover, guide to releases', url: 'releases.md' },
  own: { title: 'Cutover, its own judgement: it follows from how the strategy works', url: '#the-rules' },
} as const satisfies Readonly<Record<string, { title: string; url: string }>>

export type SourceName = keyof typeof sources
