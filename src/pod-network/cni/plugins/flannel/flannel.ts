import { validAttachments } from '../../protocol/attachments.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { CNI_CODE, CNIError, fail } from '../../protocol/cni-error.ts'
import { readFields } from '../../protocol/fields.ts'
import { loadDelegate } from '../ipam.ts'
import type { Plugin } from '../plugin.ts'
import { planDelegate } from './plan-delegate.ts'
import { listScratch, loadScratch, removeScratch, saveScratch } from './scratch.ts'
import { readSubnetEnv, type SubnetEnv } from './subnet-env.ts'

const DEFAULT_SUBNET_FILE = '/run/flannel/subnet.env'
const DEFAULT_DATA_DIR = '/var/lib/cni/flannel'

/** Calls another plugin, the bridge unless told otherwise, with this node's subnet of flannel's network. */
export const flannel: Plugin = {
  async add(call, host) {
    const { containerID } = call
    const text = JSON.stringify(planDelegate(call, readEnv(call)))
    const dataDir = dataDirOf(call)
    saveScratch(dataDir, containerID, text)
    const { plugin, delegated } = await prepare(call, text)
    try {
      return await plugin.add(delegated, host)
    } catch (error) {
      // A delegate that is not ours may have left something.
      await plugin.del(delegated, host).then(
        () => removeScratch(dataDir, containerID),
        () => {},
      )
      throw error
    }
  },

  async del(call, host) {
    const dataDir = dataDirOf(call)
    const text = loadScratch(dataDir, call.containerID)
    if (text !== undefined) {
      const { plugin, delegated } = await prepare(call, text)
      await plugin.del(delegated, host)
    }
    removeScratch(dataDir, call.containerID)
  },

  async check(call, host) {
    const text = loadScratch(dataDirOf(call), call.containerID)
    if (text === undefined) throw fail(`no delegate was called for container ${call.containerID}`)
    const { plugin, delegated } = await prepare(call, text)
    await plugin.check(delegated, host)
  },

  async gc(call, host) {
    const { plugin, delegated } = await prepare(
      call,
      JSON.stringify(planDelegate(call, readEnv(call))),
    )
    await plugin.gc?.(delegated, host)
    const dataDir = dataDirOf(call)
    const valid = validAttachments(call).map(({ containerID }) => containerID)
    for (const containerID of listScratch(dataDir)) {
      if (isOfNetwork(dataDir, containerID, call) && !valid.includes(containerID)) {
        removeScratch(dataDir, containerID)
      }
    }
  },

  async status(call, host) {
    let env: SubnetEnv
    try {
      env = readEnv(call)
    } catch (error) {
      throw new CNIError(CNI_CODE.pluginNotAvailable, (error as Error).message)
    }
    const { plugin, delegated } = await prepare(call, JSON.stringify(planDelegate(call, env)))
    await plugin.status?.(delegated, host)
  },
}

function readEnv({ config }: CNICall): SubnetEnv {
  try {
    return readSubnetEnv(config.text('subnetFile') || DEFAULT_SUBNET_FILE)
  } catch (error) {
    const why = (error as Error).message
    const hint = 'Check the flannel pod log for this node.'
    throw fail(`failed to load flannel 'subnet.env' file: ${why}. ${hint}`)
  }
}

function dataDirOf({ config }: CNICall): string {
  return config.text('dataDir') || DEFAULT_DATA_DIR
}

/** The delegate's own call: what the runtime injects goes along with every verb. */
async function prepare(call: CNICall, text: string) {
  const saved = JSON.parse(text) as Readonly<Record<string, unknown>>
  const injected = ['prevResult', 'cni.dev/valid-attachments'].flatMap((key) => {
    const value = call.config.raw(key)
    return value === undefined ? [] : [[key, value] as const]
  })
  const object = { ...saved, ...Object.fromEntries(injected) }
  const config = readFields(object)
  const delegated = { ...call, config, stdin: Buffer.from(JSON.stringify(object)) }
  return { plugin: await loadDelegate(config.text('type') || 'bridge', call.path), delegated }
}

function isOfNetwork(dataDir: string, containerID: string, { networkName }: CNICall): boolean {
  const text = loadScratch(dataDir, containerID)
  return text !== undefined && readFields(JSON.parse(text)).text('name') === networkName
}
