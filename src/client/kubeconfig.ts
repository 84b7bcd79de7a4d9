import { readFile, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/** Where an API server is, and who we are to it. */
export interface ClusterAccess {
  /** An https URL. */
  readonly server: string
  readonly caPEM: string
  readonly certPEM?: string
  readonly keyPEM?: string
  /** A bearer token, asked for with each request: it may change. */
  readonly token?: () => Promise<string>
}

/** A kubeconfig, or a file it names, cannot be used: the message says which part of it. */
export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError'
}

type Fields = Readonly<Record<string, unknown>>

const MAX_BYTES = 1 << 20

/**
 * Reads the current context of a kubeconfig. Certificates may be inline (base64) or files, relative to the kubeconfig.
 *
 * @throws KubeconfigError
 */
export async function loadKubeconfig(path: string): Promise<ClusterAccess> {
  const fail = (what: string, cause?: unknown): never => {
    throw new KubeconfigError(`Cannot use kubeconfig ${path}: ${what}`, { cause })
  }
  const config = fieldsOf(await parse(await readBounded(path, fail), fail))
  const contextName = textOf(config['current-context']) ?? fail('it names no current-context')
  const context =
    named(config.contexts, contextName, 'context') ?? fail(`it has no context "${contextName}"`)
  const clusterName = textOf(context.cluster) ?? fail(`context "${contextName}" names no cluster`)
  const userName = textOf(context.user) ?? fail(`context "${contextName}" names no user`)
  const cluster =
    named(config.clusters, clusterName, 'cluster') ?? fail(`it has no cluster "${clusterName}"`)
  const user = named(config.users, userName, 'user') ?? fail(`it has no user "${userName}"`)

  const hasToken = [user.token, user.tokenFile].some((value) => textOf(value) !== undefined)
  const hint = 'exec plugins are not supported'

  const pem = async (fields: Fields, field: string, owner: string, hint: string) => {
    const inline = textOf(fields[`${field}-data`])
    if (inline !== undefined)
      return decodePEM(inline) ?? fail(`${field}-data of ${owner} is not base64 of PEM text`)
    const file = textOf(fields[field]) ?? fail(`${owner} has no ${field} (${hint})`)
    return readBounded(resolve(dirname(path), file), fail)
  }
  return {
    server:
      checkServer(textOf(cluster.server)) ??
      fail(`the server of cluster "${clusterName}" is not an https URL`),
    caPEM: await pem(
      cluster,
      'certificate-authority',
      `cluster "${clusterName}"`,
      'an unverified server is not accepted',
    ),
    ...(hasToken
      ? { token: tokenOf(user, dirname(path), fail) }
      : {
          certPEM: await pem(user, 'client-certificate', `user "${userName}"`, hint),
          keyPEM: await pem(user, 'client-key', `user "${userName}"`, hint),
        }),
  }
}

/** Read again with each request: what renews the file says nothing. */
function tokenOf(user: Fields, folder: string, fail: Fail): () => Promise<string> {
  const token = textOf(user.token)
  if (token !== undefined) return async () => token
  const file = resolve(folder, textOf(user.tokenFile) ?? '')
  return async () => (await readBounded(file, fail)).trim()
}

type Fail = (what: string, cause?: unknown) => never

async function readBounded(path: string, fail: Fail): Promise<string> {
  try {
    if ((await stat(path)).size > MAX_BYTES)
      return fail(`${path} is larger than ${MAX_BYTES} bytes`)
    return await readFile(path, 'utf8')
  } catch (cause) {
    if (cause instanceof KubeconfigError) throw cause
    return fail(`${path} cannot be read`, cause)
  }
}

/** JSON is YAML, and the kubeconfigs that `up` writes are JSON: the YAML library (2 MB of memory) stays unloaded. */
async function parse(text: string, fail: Fail): Promise<unknown> {
  try {
    return text.trimStart().startsWith('{') ? JSON.parse(text) : (await import('yaml')).parse(text)
  } catch (cause) {
    return fail('it is neither YAML nor JSON', cause)
  }
}

function named(list: unknown, name: string, field: string): Fields | undefined {
  const entry = Array.isArray(list)
    ? list.map(fieldsOf).find((entry) => entry.name === name)
    : undefined
  return entry && fieldsOf(entry[field])
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {}
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function decodePEM(base64: string): string | undefined {
  const text = Buffer.from(base64, 'base64').toString('utf8')
  return text.includes('-----BEGIN ') ? text : undefined
}

function checkServer(server: string | undefined): string | undefined {
  return server && URL.canParse(server) && new URL(server).protocol === 'https:'
    ? server
    : undefined
}
