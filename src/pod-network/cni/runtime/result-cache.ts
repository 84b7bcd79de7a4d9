import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isObject } from '../protocol/fields.ts'
import type { NetworkList } from './network-list.ts'

/** What is kept of an attachment, so that DEL can be given what ADD came to, also by a later process. */
export interface CachedAttachment {
  /** The conflist. */
  readonly config: string
  readonly result: unknown
  readonly args: Readonly<Record<string, string>>
  readonly capabilityArgs: Readonly<Record<string, unknown>>
}

interface AttachmentName {
  readonly containerID: string
  readonly ifname: string
}

export interface ResultCache {
  /** `undefined` where there is none, or none that can be read: DEL goes on without. */
  read(network: string, attachment: AttachmentName): Promise<CachedAttachment | undefined>
  write(
    list: NetworkList,
    attachment: AttachmentName & {
      readonly netns: string
      readonly args?: Readonly<Record<string, string>>
      readonly capabilityArgs?: Readonly<Record<string, unknown>>
    },
    result: unknown,
  ): Promise<void>
  remove(network: string, attachment: AttachmentName): Promise<void>
  /** The attachments of one network. */
  list(network: string): Promise<readonly (AttachmentName & { readonly netns: string })[]>
}

const KIND = 'cniCacheV1'

/** In libcni's format (libcni/api.go, cachedInfo): `results/<network>-<containerID>-<ifname>`, mode 0600. */
export function createResultCache(stateDir: string): ResultCache {
  const directory = join(stateDir, 'results')
  const pathOf = (network: string, { containerID, ifname }: AttachmentName) =>
    join(directory, `${network}-${containerID}-${ifname}`)
  return {
    async read(network, attachment) {
      try {
        return decode(await readFile(pathOf(network, attachment), 'utf8'))
      } catch {
        return undefined
      }
    },
    async write(list, attachment, result) {
      const { containerID, ifname, netns, args = {}, capabilityArgs } = attachment
      await mkdir(directory, { recursive: true, mode: 0o700 })
      const path = pathOf(list.name, attachment)
      const text = JSON.stringify({
        kind: KIND,
        containerId: containerID,
        config: Buffer.from(list.text).toString('base64'),
        ifName: ifname,
        networkName: list.name,
        netns,
        cniArgs: Object.entries(args),
        capabilityArgs,
        result,
      })
      await writeFile(`${path}.tmp`, text, { mode: 0o600 })
      await rename(`${path}.tmp`, path)
    },
    async remove(network, attachment) {
      await rm(pathOf(network, attachment), { force: true })
    },
    async list(network) {
      // By what is in them: a name of network, container and interface cannot be taken apart again.
      const names = await readdir(directory).catch(() => [])
      const texts = await Promise.all(
        names
          .filter((name) => name.startsWith(`${network}-`) && !name.endsWith('.tmp'))
          .map((name) => readFile(join(directory, name), 'utf8').catch(() => '')),
      )
      return texts.flatMap((text) => nameOf(text, network))
    },
  }
}

function nameOf(text: string, network: string) {
  try {
    const cached: unknown = JSON.parse(text)
    if (!isObject(cached) || cached.kind !== KIND || cached.networkName !== network) return []
    const { containerId: containerID, ifName: ifname, netns } = cached
    if (typeof containerID !== 'string' || typeof ifname !== 'string') return []
    return [{ containerID, ifname, netns: typeof netns === 'string' ? netns : '' }]
  } catch {
    return []
  }
}

function decode(text: string): CachedAttachment | undefined {
  const cached: unknown = JSON.parse(text)
  if (!isObject(cached) || cached.kind !== KIND || typeof cached.config !== 'string') return
  const pairs = Array.isArray(cached.cniArgs) ? (cached.cniArgs as [string, string][]) : []
  return {
    config: Buffer.from(cached.config, 'base64').toString(),
    result: cached.result,
    args: Object.fromEntries(pairs),
    capabilityArgs: isObject(cached.capabilityArgs) ? cached.capabilityArgs : {},
  }
}
