const DEPLOYMENTS = '/deployments/';

/** Azure has the model's deployment in the path: `/openai/deployments/NAME/…`; '' for any other path. */
export function deploymentOf(path: string): string {
  const at = path.indexOf(DEPLOYMENTS);
  if (at < 0) return '';
  const from = at + DEPLOYMENTS.length;
  const to = path.indexOf('/', from);
  return to < 0 ? path.slice(from) : path.slice(from, to);
}
