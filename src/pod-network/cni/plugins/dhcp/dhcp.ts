import { resolve } from 'node:path'
import type { CNICall } from '../../protocol/cni-call.ts'
import { CNI_CODE, CNIError } from '../../protocol/cni-error.ts'
import { EMPTY_RESULT } from '../../protocol/result.ts'
import type { Plugin } from '../plugin.ts'
import { callDaemon, dial } from './rpc-client.ts'
import { decodeLease } from './rpc-types.ts'

export const DEFAULT_SOCKET_PATH = '/run/cni/dhcp.sock'

/** IPAM by the DHCP server of the network that the pod's interface is in. A daemon asks it, ours (`dhcp daemon`) or the reference's. */
export const dhcp: Plugin = {
  async add(call) {
    const answer = await callDaemon(socketPathOf(call), 'DHCP.Allocate', toArgs(call))
    return { ...EMPTY_RESULT, ...decodeLease(answer) }
  },
  async del(call) {
    await callDaemon(socketPathOf(call), 'DHCP.Release', toArgs(call))
  },
  async check(call) {
    await callDaemon(socketPathOf(call), 'DHCP.Allocate', toArgs(call))
  },
  async status(call) {
    try {
      ;(await dial(socketPathOf(call))).destroy()
    } catch (error) {
      throw new CNIError(CNI_CODE.pluginNotAvailable, (error as Error).message)
    }
  },
}

function socketPathOf({ config }: CNICall): string {
  return config.object('ipam').text('daemonSocketPath') || DEFAULT_SOCKET_PATH
}

/** skel.CmdArgs. The daemon may be in another folder. */
function toArgs({ containerID, netns, ifname, env, stdin }: CNICall) {
  return {
    ContainerID: containerID,
    Netns: netns === '' ? '' : resolve(netns),
    IfName: ifname,
    Args: env.CNI_ARGS ?? '',
    Path: env.CNI_PATH ?? '',
    NetnsOverride: env.CNI_NETNS_OVERRIDE ?? '',
    StdinData: stdin,
  }
}
