import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Pod } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import { execInPodArgv } from '#node-agent/sandbox/exec-in-pod.ts'
import { type Layout, netnsPath, nodeRootDir, nodeRunDir } from './layout.ts'
import { netnsInodeAt } from './members.ts'
import { type ClusterState, readState } from './state-file.ts'
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

/**
 * The words to put before a command of the host so that it runs in that network. In a pod's it also sees the pod's resolv.conf and hosts; its
 * files and processes are the host's everywhere (`kubectl exec` would enter the container).
 */
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
  const pod = findPod(layout, target)
  if (!pod) throw new Error(await explainMissing(layout, state, target))
  const { nodeName, hostNetwork, podUID } = pod
  if (hostNetwork) return execArgv(layout, { kind: 'node', name: nodeName })
  return execInPodArgv({
    rootDir: nodeRootDir(layout, nodeName),
    runDir: nodeRunDir(layout, nodeName),
    podUID,
  })
}

type PodTarget = Extract<ExecTarget, { kind: 'pod' }>

/** Looked for in the nodes' own folders, not asked of the API server: it may be what is broken. */
function findPod(layout: Layout, { namespace, name }: PodTarget) {
  for (const file of globSync('nodes/*/pods/*/pod.json', { cwd: layout.home })) {
    const [, nodeName = '', , podUID = ''] = file.split('/')
    const { metadata, spec } = readPod(join(layout.home, file)) ?? {}
    if (metadata?.namespace === namespace && metadata.name === name) {
      return { nodeName, podUID, hostNetwork: spec?.hostNetwork === true }
    }
  }
  return
}

/** `undefined` for a pod that goes while we look. */
function readPod(file: string): Pick<Pod, 'metadata' | 'spec'> | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Pick<Pod, 'metadata' | 'spec'>
  } catch {
    return undefined
  }
}

async function explainMissing(
  layout: Layout,
  state: ClusterState,
  { namespace, name }: PodTarget,
): Promise<string> {
  const refusal = `Cannot run a command in pod ${namespace}/${name}`
  try {
    await using api = adminAPI(layout, state)
    const pod = await api.get(resources.pods, { namespace, name })
    return pod ? `${refusal}: it is on no node yet` : `${refusal}: there is no such pod`
  } catch {
    return `${refusal}: no node has it, and the API server does not answer`
  }
}
