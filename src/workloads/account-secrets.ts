import type { Secret, ServiceAccount } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import type { API } from '#client/api.ts'
import type { Controller } from '#client/controller.ts'
import type { Informer } from '#client/informer.ts'

const TYPE = 'kubernetes.io/service-account-token'
const ACCOUNT_NAME = 'kubernetes.io/service-account.name'
const ACCOUNT_UID = 'kubernetes.io/service-account.uid'

export interface AccountSecretDeps {
  readonly api: API
  /** Without their data. */
  readonly secrets: Informer<Secret>
  readonly serviceAccounts: Informer<ServiceAccount>
}

export interface AccountSecretOptions {
  readonly caPEM: string
  readonly sign: (secret: Secret, account: ServiceAccount) => string
}

/** Fills Secrets of type kubernetes.io/service-account-token with a token that does not end, and takes them away with their account. Source: kube-controller-manager's serviceaccount-token. */
export function accountSecretController(
  { api, secrets, serviceAccounts }: AccountSecretDeps,
  { caPEM, sign }: AccountSecretOptions,
): Controller {
  return {
    name: 'serviceaccount-token',
    informers: [secrets, serviceAccounts],
    start(enqueue) {
      const stops = [
        secrets.subscribe(({ type, object }) => {
          if (type !== 'deleted' && object.type === TYPE) enqueue(object.metadata)
        }),
        serviceAccounts.subscribe(({ object: { metadata } }) => {
          for (const secret of secrets.list())
            if (belongsTo(secret, metadata)) enqueue(secret.metadata)
        }),
      ]
      return () => stops.forEach((stop) => void stop())
    },
    async reconcile(key) {
      const secret = await api.get(resources.secrets, key)
      if (!secret || secret.type !== TYPE) return undefined
      const { namespace = '', annotations = {}, uid } = secret.metadata
      const name = annotations[ACCOUNT_NAME] ?? ''
      const account = await api.get(resources.serviceAccounts, { namespace, name })
      const isStranger =
        annotations[ACCOUNT_UID] && annotations[ACCOUNT_UID] !== account?.metadata.uid
      if (!account || isStranger) {
        await api.delete(resources.secrets, key, uid ? { preconditions: { uid } } : {})
        return undefined
      }
      const filled = planSecret(secret, account, { caPEM, sign })
      if (filled) await api.update(resources.secrets, filled)
      return undefined
    },
  }
}

const belongsTo = (
  { type, metadata: { namespace, annotations = {} } }: Secret,
  account: { readonly name: string; readonly namespace?: string },
) => type === TYPE && namespace === account.namespace && annotations[ACCOUNT_NAME] === account.name

/** The Secret with what it lacks; undefined where it lacks nothing. */
export function planSecret(
  secret: Secret,
  account: ServiceAccount,
  { caPEM, sign }: AccountSecretOptions,
): Secret | undefined {
  const { metadata, data = {} } = secret
  const { uid = '', namespace = '' } = account.metadata
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const isWhole =
    data.token && data['ca.crt'] === base64(caPEM) && data.namespace === base64(namespace)
  if (isWhole && metadata.annotations?.[ACCOUNT_UID] === uid) return undefined
  return {
    ...secret,
    metadata: { ...metadata, annotations: { ...metadata.annotations, [ACCOUNT_UID]: uid } },
    data: {
      ...data,
      'ca.crt': base64(caPEM),
      namespace: base64(namespace),
      token: data.token ?? base64(sign(secret, account)),
    },
  }
}
