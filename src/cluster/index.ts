import * as resources from '#api/resources.ts'
import type { API } from '#client/api.ts'
import { removeCluster } from './down.ts'
import { execArgv, parseExecTarget } from './exec.ts'
import { userKubeconfigPath } from './kubeconfig.ts'
import type { ClusterOptions } from './options.ts'
import { adminAPI } from './status.ts'
import { bringUp } from './up.ts'

export type { API } from '#client/api.ts'
export type { ClusterOptions } from './options.ts'
export { resources }

/** A running cluster, as a test suite holds it: `await using cluster = await startCluster({ name: 'test' })`. */
export interface Cluster extends AsyncDisposable {
  readonly name: string
  /** The administrator's client. */
  readonly api: API
  /** A kubeconfig of this cluster alone, for kubectl and other programs. */
  readonly kubeconfig: string
  /** The words to put before a command so that it runs at `node/NAME`, `pod/NAMESPACE/NAME` or `outside`. */
  argvAt(target: string): Promise<readonly string[]>
  /** Removes every trace of it. */
  stop(): Promise<void>
}

export interface StartOptions extends Partial<ClusterOptions> {
  readonly progress?: (step: string) => void
  readonly signal?: AbortSignal
}

/**
 * Starts a cluster and resolves when every node is Ready and DNS answers. Root is needed. State is kept in `$FAIRLEAD_HOME`, and the context
 * is merged into `$KUBECONFIG`, as `fairlead up` does.
 */
export async function startCluster({
  progress = () => {},
  signal = new AbortController().signal,
  ...options
}: StartOptions = {}): Promise<Cluster> {
  const { layout, state } = await bringUp(options, { progress, signal, env: process.env })
  const api = adminAPI(layout, state)
  const stop = async () => {
    await api[Symbol.asyncDispose]()
    await removeCluster(layout, { kubeconfigPath: userKubeconfigPath() })
  }
  return {
    name: layout.name,
    api,
    kubeconfig: layout.adminKubeconfig,
    async argvAt(text) {
      const target = parseExecTarget(text)
      if (!target) {
        throw new TypeError(
          `Cannot run a command at ${text}: say node/NAME, pod/NAMESPACE/NAME or outside`,
        )
      }
      return await execArgv(layout, target)
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
