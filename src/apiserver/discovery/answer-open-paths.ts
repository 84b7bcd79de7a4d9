import { type Answer, json } from '../http/answer.ts'

/** What anybody may read, known to us or not, besides the server's health. */
export function answerOpenPath(path: string, gitVersion: string): Answer | undefined {
  if (path === '/version' || path === '/version/')
    return json(JSON.stringify(version(gitVersion), null, 2))
  return undefined
}

/** version.Info; clients compare major and minor. */
function version(gitVersion: string) {
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(gitVersion) ?? []
  return {
    major,
    minor,
    gitVersion,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: '',
    compiler: `node ${process.version}`,
    platform: `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  }
}
