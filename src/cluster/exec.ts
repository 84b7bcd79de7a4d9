import * as resources from '#api/resources.ts'
import { execInPodArgv } from '#node-agent/sandbox/exec-in-pod.ts'
import { type Layout, netnsPath, nodeRootDir, nodeRunDir } from './layout.ts'
import { netnsInodeAt } from './members.ts'
import { readState } from './state-file.ts'
import { adminAPI } from './status.ts'

/** Whose network a command is to run in. */
export type ExecTarget =
  | { readonly kind: 'node'; readonly name: string }
  | { readonly kind: 'pod'; readonly namespace: string; readonly name: string }
  | { readonly kind: 'outside' }

/** Names of nodes and pods become parts of paths (RFC 1123 subdomains). */
const NAME = /^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/

/** Parses `node/NAME`, `pod/NS/NAME` (or `pod/NAME` in namespace default) and `outside`; `undefined` for anything else. */
export function parseExecTarget(text: string): ExecTarget | undefined {
  const [kind, first, second, ...rest] = text.split('/')
  if (rest.length > 0 || [first, second].some((name) => name && !NAME.test(name))) return
  if (first === '' || second === '') return
  if (kind === 'outside' && first === undefined) return { kind }
  if (kind === 'node' && first !== undefined && second === undefined) return { kind, name: first }
  if (kind === 'pod' && first !== undefined)
    return second === undefined
      ? { kind, namespace: 'default', name: first }
      : { kind, namespace: first, name: second }
  return
}

/** The words to put before a command so that it runs there. A pod's command also sees the pod's resolv.conf and hosts. */
export async function execArgv(layout: Layout, target: ExecTarget): Promise<readonly string[]> {
  const state = readState(layout)
  if (!state)
    throw new Error(
      `Cannot run a command: there is no cluster ${layout.name} (\`fairlead up\` starts one)`,
    )
  if (target.kind !== 'pod') {
    const name = target.kind === 'outside' ? 'outside' : target.name
    const path = netnsPath(layout, name)
    if (netnsInodeAt(path) === undefined)
      throw new Error(
        `Cannot run a command on ${target.kind === 'node' ? `node ${target.name}` : 'outside'}: it is not there (\`fairlead status\` shows what is)`,
      )
    return ['nsenter', `--net=${path}`, '--']
  }
  await using api = adminAPI(layout, state)
  const pod = await api.get(resources.pods, target)
  const { namespace, name } = target
  if (!pod)
    throw new Error(`Cannot run a command in pod ${namespace}/${name}: there is no such pod`)
  const { nodeName, hostNetwork } = pod.spec
  if (nodeName === undefined || !pod.metadata.uid)
    throw new Error(`Cannot run a command in pod ${namespace}/${name}: it is on no node yet`)
  if (hostNetwork) return execArgv(layout, { kind: 'node', name: nodeName })
  return execInPodArgv({
    rootDir: nodeRootDir(layout, nodeName),
    runDir: nodeRunDir(layout, nodeName),
    podUID: pod.metadata.uid,
  })
}
