import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type Document, isMap, isSeq, parseDocument } from 'yaml'
import { lockKubeconfig } from './kubeconfig-lock.ts'
import { personHome } from './layout.ts'
import type { KeyPair } from './pki.ts'

/** One context: a server, and who we are to it. */
export interface KubeconfigEntry {
  readonly context: string
  readonly server: string
  readonly caPEM: string
  readonly keyPair: KeyPair
}

export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError'
}

/**
 * The file that kubectl would write a new context to (client-go tools/clientcmd/config.go, GetDefaultFilename): the first of
 * `$KUBECONFIG` that exists, else its last; without it `~/.kube/config`.
 */
export function userKubeconfigPath(env: NodeJS.ProcessEnv = process.env): string {
  const paths = env.KUBECONFIG?.split(':').filter((path) => path !== '') ?? []
  return (
    paths.find((path) => existsSync(path)) ??
    paths.at(-1) ??
    join(personHome(env, 'KUBECONFIG'), '.kube/config')
  )
}

/** A kubeconfig of one context, as text. JSON is YAML, so that no YAML writer is needed. */
export function renderKubeconfig(entry: KubeconfigEntry): string {
  const config = { apiVersion: 'v1', kind: 'Config', ...listsOf(entry) }
  return `${JSON.stringify({ ...config, 'current-context': entry.context }, null, 2)}\n`
}

/** Adds the context to a person's kubeconfig and makes it the current one; all else in the file stays. */
export async function mergeKubeconfig(path: string, entry: KubeconfigEntry): Promise<void> {
  await editKubeconfig(path, (config) => {
    const namespace = namespaceOf(config, entry.context)
    removeEntries(config, entry.context)
    if (!config.has('apiVersion')) config.set('apiVersion', 'v1')
    if (!config.has('kind')) config.set('kind', 'Config')
    for (const [key, [item]] of Object.entries(listsOf(entry, namespace))) {
      const list = config.get(key)
      // An empty list is written `[]`: what is added to it would be written on one line.
      if (isSeq(list) && list.items.length > 0) list.add(config.createNode(item))
      else config.set(key, config.createNode([item]))
    }
    config.set('current-context', entry.context)
    return true
  })
}

/** Takes the context out again. */
export async function removeFromKubeconfig(path: string, context: string): Promise<void> {
  if (!existsSync(path)) return
  await editKubeconfig(path, (config) => {
    const wasThere = removeEntries(config, context)
    if (wasThere && config.get('current-context') === context) config.set('current-context', '')
    return wasThere
  })
}

const LISTS = ['clusters', 'contexts', 'users'] as const

function listsOf({ context, server, caPEM, keyPair }: KubeconfigEntry, namespace?: string) {
  const base64 = (pem: string) => Buffer.from(pem).toString('base64')
  const user = {
    'client-certificate-data': base64(keyPair.certPEM),
    'client-key-data': base64(keyPair.keyPEM),
  }
  const cluster = { server, 'certificate-authority-data': base64(caPEM) }
  return {
    clusters: [{ name: context, cluster }],
    contexts: [
      {
        name: context,
        context: { cluster: context, user: context, ...(namespace ? { namespace } : {}) },
      },
    ],
    users: [{ name: context, user }],
  }
}

/** What `kubectl config set-context --current --namespace` chose: it is the person's, not ours. */
function namespaceOf(config: Document, context: string): string | undefined {
  const list = config.get('contexts')
  const entry = isSeq(list)
    ? list.items.find((item) => isMap(item) && item.get('name') === context)
    : undefined
  const namespace = isMap(entry) ? entry.getIn(['context', 'namespace']) : undefined
  return typeof namespace === 'string' ? namespace : undefined
}

/** @returns whether there was any */
function removeEntries(config: Document, context: string): boolean {
  let wasThere = false
  for (const key of LISTS) {
    const list = config.get(key)
    if (!isSeq(list)) continue
    const others = list.items.filter((item) => !isMap(item) || item.get('name') !== context)
    wasThere ||= others.length < list.items.length
    list.items = others
  }
  return wasThere
}

/** Changes the file as kubectl does: under its lock, through symbolic links, and owned by whom it belonged to. */
async function editKubeconfig(path: string, edit: (config: Document) => boolean): Promise<void> {
  mkdirSync(dirname(resolve(path)), { recursive: true, mode: 0o700 })
  using _lock = await lockKubeconfig(path)
  const target = existsSync(path) ? realpathSync(path) : path
  const config = parseKubeconfig(path, existsSync(path) ? readFileSync(path, 'utf8') : '')
  // Keys and values stay on one line, as kubectl writes them.
  if (edit(config)) replaceFile(target, config.toString({ lineWidth: 0 }))
}

/** A document keeps the comments, the order and the quotes of what is not ours. */
function parseKubeconfig(path: string, text: string): Document {
  const hint = 'mend it, or set KUBECONFIG to another file'
  const config = parseDocument(text, { intAsBigInt: true })
  if (config.errors.length > 0) {
    throw new KubeconfigError(`Cannot read kubeconfig ${path}: it is not YAML (${hint})`, {
      cause: config.errors[0],
    })
  }
  const isEmpty = config.contents === null || config.toJS() === null
  if (isEmpty) config.contents = config.createNode({}) as typeof config.contents
  const isConfig =
    isMap(config.contents) &&
    LISTS.every((key) => isSeq(config.get(key)) || (config.get(key) ?? null) === null)
  if (!isConfig) {
    throw new KubeconfigError(
      `Cannot read kubeconfig ${path}: it does not hold lists of clusters, contexts and users (${hint})`,
    )
  }
  return config
}

/** The name is always the same, and the lock is held: what a crash left is written over. */
function replaceFile(path: string, content: string): void {
  const temporary = `${path}.fairlead-new`
  const { mode, uid, gid } = existsSync(path)
    ? statSync(path)
    : { ...ownerOfFolder(dirname(resolve(path))), mode: 0o600 }
  rmSync(temporary, { force: true })
  writeFileSync(temporary, content, { mode: 0o600, flag: 'wx' })
  chownSync(temporary, uid, gid)
  chmodSync(temporary, mode & 0o777)
  renameSync(temporary, path)
}

function ownerOfFolder(folder: string): { readonly uid: number; readonly gid: number } {
  const { uid, gid } = statSync(folder)
  return { uid, gid }
}
