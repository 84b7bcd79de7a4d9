import { randomInt } from 'node:crypto'
import type { Container, Pod, ServiceAccount, Volume } from '#api/core.ts'
import { pods, serviceAccounts } from '#api/resources.ts'
import { forbidden } from '#api/status.ts'
import { keyOf } from '../rest/record.ts'
import type { Store } from '../storage/store.ts'
import type { Admission } from './admission.ts'

/** A kubelet's own pods belong to no account. */
const MIRROR = 'kubernetes.io/config.mirror'
/** Where clients in pods look for their token (client-go rest.InClusterConfig). */
const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount'
const VOLUME_PREFIX = 'kube-api-access-'
const SUFFIX_CHARACTERS = 'bcdfghjklmnpqrstvwxz2456789'
/** An hour; the odd seconds tell the API server that this is the default (pkg/serviceaccount/claims.go). */
const TOKEN_SECONDS = 3607

/** Gives new pods an account, and its token where the account or the pod does not refuse it. Source and sentences: plugin/pkg/admission/serviceaccount. */
export function createServiceAccountAdmission(store: Store): Admission {
  return {
    async admit({ operation, resource, object, subresource }) {
      const isNewPod = operation === 'CREATE' && resource.group === '' && !subresource
      if (!isNewPod || resource.plural !== pods.plural) return { object }
      const pod = object as Pod
      if (pod.metadata.annotations?.[MIRROR] !== undefined) return { object }
      const name = pod.spec.serviceAccountName || 'default'
      // The second is the older name of the first; both are shown.
      const named = {
        ...pod,
        spec: { ...pod.spec, serviceAccountName: name, serviceAccount: name },
      }
      return { object: withAccount(named, await findAccount(store, named, name)) }
    },
  }
}

async function findAccount(store: Store, pod: Pod, name: string): Promise<ServiceAccount> {
  const { namespace = '' } = pod.metadata
  const item = await store.get(keyOf(serviceAccounts, namespace, name))
  if (item) return JSON.parse(item.value) as ServiceAccount
  const of = pod.metadata.name || pod.metadata.generateName || 'Unknown'
  const why = `error looking up service account ${namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`
  throw forbidden(pods, of, why)
}

function withAccount(pod: Pod, account: ServiceAccount): Pod {
  const { imagePullSecrets = [] } = pod.spec
  const pulls = imagePullSecrets.length > 0 ? imagePullSecrets : (account.imagePullSecrets ?? [])
  const withPulls: Pod =
    pulls.length > 0 ? { ...pod, spec: { ...pod.spec, imagePullSecrets: pulls } } : pod
  const mounts = pod.spec.automountServiceAccountToken ?? account.automountServiceAccountToken
  return (mounts ?? true) ? withToken(withPulls) : withPulls
}

function withToken(pod: Pod): Pod {
  const { spec } = pod
  const { volumes = [], initContainers } = spec
  const existing = volumes.find(({ name }) => name.startsWith(VOLUME_PREFIX))
  const name = existing?.name ?? `${VOLUME_PREFIX}${randomSuffix()}`
  const containers = spec.containers.map((container) => mounted(container, name))
  const inits = initContainers?.map((container) => mounted(container, name))
  const isUsed = [...containers, ...(inits ?? [])].some(({ volumeMounts = [] }) =>
    volumeMounts.some((mount) => mount.name === name),
  )
  return {
    ...pod,
    spec: {
      ...spec,
      containers,
      ...(inits ? { initContainers: inits } : {}),
      ...(isUsed && !existing ? { volumes: [...volumes, tokenVolume(name)] } : {}),
    },
  }
}

const randomSuffix = () =>
  Array.from({ length: 5 }, () => SUFFIX_CHARACTERS[randomInt(SUFFIX_CHARACTERS.length)]).join('')

function mounted(container: Container, name: string): Container {
  const { volumeMounts = [] } = container
  if (volumeMounts.some(({ mountPath }) => mountPath === MOUNT_PATH)) return container
  const mount = { name, readOnly: true, mountPath: MOUNT_PATH }
  return { ...container, volumeMounts: [...volumeMounts, mount] }
}

const tokenVolume = (name: string): Volume => ({
  name,
  projected: {
    sources: [
      { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: 'token' } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      {
        downwardAPI: {
          items: [
            {
              path: 'namespace',
              fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' },
            },
          ],
        },
      },
    ],
    defaultMode: 0o644,
  },
})
