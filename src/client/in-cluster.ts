import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import type { ClusterAccess } from './kubeconfig.ts'

/** Where a pod finds its service account (kubernetes.io/docs, "Accessing the Kubernetes API from a Pod"). */
export const SERVICE_ACCOUNT_DIR = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * The API server and the rights of the pod that this process runs in. The token is read anew with each request: kubelet renews it.
 * @throws Error with client-go's words where this is no pod (rest.ErrNotInCluster), or that names the file that is missing
 */
export async function loadInClusterAccess(
  env: Readonly<Record<string, string | undefined>> = process.env,
  folder: string = SERVICE_ACCOUNT_DIR,
): Promise<ClusterAccess> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env
  if (!host || !port)
    throw new Error(
      'unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined',
    )
  const [tokenFile, caFile] = [join(folder, 'token'), join(folder, 'ca.crt')]
  for (const path of [tokenFile, caFile]) {
    if (!existsSync(path))
      throw new Error(`Cannot use the pod's service account: there is no ${path}`)
  }
  return {
    server: `https://${isIP(host) === 6 ? `[${host}]` : host}:${port}`,
    caPEM: await readFile(caFile, 'utf8'),
    token: async () => (await readFile(tokenFile, 'utf8')).trim(),
  }
}
