import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { writeFileAtomic } from './atomic-file.ts'
import type { KeyPair } from './pki.ts'

/** One context: a server, and who we are to it. */
export interface KubeconfigEntry {
  readonly context: string
  readonly server: string
  readonly caPEM: string
  readonly keyPair: KeyPair
}

interface NamedEntry {
  readonly name: string
}

interface Kubeconfig {
  readonly [key: string]: unknown
  readonly clusters?: readonly NamedEntry[] | null
  readonly contexts?: readonly NamedEntry[] | null
  readonly users?: readonly NamedEntry[] | null
  readonly 'current-context'?: string
}

export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError'
}

/** The file that kubectl would write to: the first of `$KUBECONFIG`, or `~/.kube/config`. */
export function userKubeconfigPath(env: NodeJS.ProcessEnv = process.env): string {
  return env.KUBECONFIG?.split(':').find((path) => path !== '') ?? join(homedir(), '.kube/config')
}

/** A kubeconfig of one context, as text. JSON is YAML, so that no YAML writer is needed. */
export function renderKubeconfig(entry: KubeconfigEntry): string {
  return `${JSON.stringify(withEntry({ apiVersion: 'v1', kind: 'Config' }, entry), null, 2)}\n`
}

/** Adds the context to a person's kubeconfig and makes it the current one; all else in the file stays. */
export async function mergeKubeconfig(path: string, entry: KubeconfigEntry): Promise<void> {
  const held = await readKubeconfig(path)
  await writeKubeconfig(path, withEntry(held ?? { apiVersion: 'v1', kind: 'Config' }, entry))
}

/** Takes the context out again. */
export async function removeFromKubeconfig(path: string, context: string): Promise<void> {
  const held = await readKubeconfig(path)
  if (
    !held ||
    ![held.clusters, held.contexts, held.users].some((list) =>
      list?.some(({ name }) => name === context),
    )
  )
    return
  const { 'current-context': current, ...rest } = without(held, context)
  await writeKubeconfig(path, {
    ...rest,
    ...(current !== undefined && { 'current-context': current === context ? '' : current }),
  })
}

function withEntry(
  config: Kubeconfig,
  { context, server, caPEM, keyPair }: KubeconfigEntry,
): Kubeconfig {
  const base64 = (pem: string) => Buffer.from(pem).toString('base64')
  const rest = without(config, context)
  return {
    ...rest,
    clusters: [
      ...(rest.clusters ?? []),
      {
        name: context,
        cluster: { server, 'certificate-authority-data': base64(caPEM) },
      } as NamedEntry,
    ],
    contexts: [
      ...(rest.contexts ?? []),
      { name: context, context: { cluster: context, user: context } } as NamedEntry,
    ],
    users: [
      ...(rest.users ?? []),
      {
        name: context,
        user: {
          'client-certificate-data': base64(keyPair.certPEM),
          'client-key-data': base64(keyPair.keyPEM),
        },
      } as NamedEntry,
    ],
    'current-context': context,
  }
}

function without(config: Kubeconfig, context: string): Kubeconfig {
  const others = (list: readonly NamedEntry[] | null | undefined) =>
    (list ?? []).filter(({ name }) => name !== context)
  return {
    ...config,
    clusters: others(config.clusters),
    contexts: others(config.contexts),
    users: others(config.users),
  }
}

async function readKubeconfig(path: string): Promise<Kubeconfig | undefined> {
  if (!existsSync(path)) return
  const { parse } = await import('yaml')
  const hint = 'mend it, or set KUBECONFIG to another file'
  let config: unknown
  try {
    config = parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new KubeconfigError(`Cannot read kubeconfig ${path}: it is not YAML (${hint})`, { cause })
  }
  if (config === null || config === undefined) return
  const isConfig =
    typeof config === 'object' &&
    ['clusters', 'contexts', 'users'].every((key) => {
      const list = (config as Record<string, unknown>)[key]
      return list === undefined || list === null || Array.isArray(list)
    })
  if (!isConfig)
    throw new KubeconfigError(
      `Cannot read kubeconfig ${path}: it does not hold lists of clusters, contexts and users (${hint})`,
    )
  return config as Kubeconfig
}

async function writeKubeconfig(path: string, config: Kubeconfig): Promise<void> {
  const { stringify } = await import('yaml')
  writeFileAtomic(path, stringify(config))
}
