import { allocation } from './alloc/alloc.ts'
import type { Backend } from './backend.ts'
import { createCloud } from './cloud/cloud.ts'
import { createHTTPRouteTable } from './cloud/http-route-table.ts'
import { createExtension } from './extension/extension.ts'
import { type Command, parseCommandLine } from './extension/run-command-line.ts'
import { hostGateway } from './host-gw/plan-host-gw.ts'
import { createIPIP } from './ipip/ipip.ts'
import { type BackendConf, fieldsOf } from './net-conf.ts'
import { createUDP, UDP_DEFAULTS } from './udp/udp.ts'
import { createVXLAN, VXLAN_DEFAULTS } from './vxlan/plan-vxlan.ts'
import {
  createWireguard,
  WIREGUARD_DEFAULTS,
  WIREGUARD_KEY_FILE,
  WIREGUARD_MODES,
} from './wireguard/wireguard.ts'

/** Those of `fairlead up --backend`; net-conf.json has more. */
export const CLUSTER_BACKENDS = ['vxlan', 'host-gw', 'udp'] as const

const LARGEST_MTU = 65_535

/** The backend that net-conf.json asks for. @throws RangeError where there is none of that type, or an option is no such value */
export function createBackend({ type, options }: BackendConf): Backend {
  const read = readerOf(type, options)
  switch (type) {
    case 'vxlan': {
      const mtuBytes = read.number('MTU', 0, LARGEST_MTU)
      const macPrefix = read.text('MacPrefix', /^[0-9a-f][26ae]-[0-9a-f]{2}$/i)
      return createVXLAN({
        vni: read.number('VNI', 1, 2 ** 24 - 1) ?? VXLAN_DEFAULTS.vni,
        // 0 is "the kernel's default", which is flannel's.
        port: read.number('Port', 0, 65_535) || VXLAN_DEFAULTS.port,
        gbp: read.boolean('GBP'),
        learning: read.boolean('Learning'),
        directRouting: read.boolean('DirectRouting'),
        ...(mtuBytes && { mtuBytes }),
        ...(macPrefix !== undefined && { macPrefix }),
      })
    }
    case 'host-gw':
      return hostGateway
    case 'udp':
      return createUDP({ port: read.number('Port', 1, 65_535) ?? UDP_DEFAULTS.port })
    case 'ipip':
      return createIPIP({ directRouting: read.boolean('DirectRouting') })
    case 'wireguard': {
      const given = read.text('Mode', /^\w+$/) ?? 'separate'
      const mode = WIREGUARD_MODES.find((it) => it === given)
      if (!mode) throw new RangeError('no valid Mode configured')
      const mtuBytes = read.number('MTU', 0, LARGEST_MTU)
      const presharedKey = read.text('PSK', /^[A-Za-z0-9+/]{43}=$/)
      return createWireguard({
        mode,
        ports: {
          4: read.number('ListenPort', 1, 65_535) ?? WIREGUARD_DEFAULTS.ports[4],
          6: read.number('ListenPortV6', 1, 65_535) ?? WIREGUARD_DEFAULTS.ports[6],
        },
        keepaliveSeconds: read.number('PersistentKeepaliveInterval', 0, 65_535) ?? 0,
        keyFile: process.env.WIREGUARD_KEY_FILE ?? WIREGUARD_KEY_FILE,
        ...(mtuBytes && { mtuBytes }),
        ...(presharedKey !== undefined && { presharedKey }),
      })
    }
    case 'cloud': {
      const url = read.text('URL', /^https?:\/\/[^\s]+$/)
      if (url === undefined) throw new RangeError('Cannot use backend cloud: it has no URL')
      return createCloud(createHTTPRouteTable(url))
    }
    case 'alloc':
      return allocation
    case 'extension': {
      const [preStartup, postStartup, subnetAdd, subnetRemove, shutdown] = [
        read.command('PreStartupCommand'),
        read.command('PostStartupCommand'),
        read.command('SubnetAddCommand'),
        read.command('SubnetRemoveCommand'),
        read.command('ShutdownCommand'),
      ]
      return createExtension({ preStartup, postStartup, subnetAdd, subnetRemove, shutdown })
    }
    case 'ipsec':
      throw new RangeError(
        'Cannot use backend ipsec: it is not built, for it needs the charon of strongSwan beside it (wireguard encrypts, too)',
      )
    case 'tencent-vpc':
      throw new RangeError(
        'Cannot use backend tencent-vpc: it is not built, for it needs an account of that cloud (cloud is for route tables of any)',
      )
    default:
      throw new RangeError(`Cannot use backend ${JSON.stringify(type)}: there is none of that type`)
  }
}

function readerOf(type: string, options: Readonly<Record<string, unknown>>) {
  const field = fieldsOf(options)
  const refuse = (name: string, value: unknown, what: string): never => {
    const text = JSON.stringify(value)?.slice(0, 100)
    throw new RangeError(`Cannot use ${name} ${text} of backend ${type}: it is no ${what}`)
  }
  return {
    number(name: string, least: number, most: number): number | undefined {
      const value = field(name)
      if (value === undefined || value === null) return undefined
      const isFit =
        Number.isInteger(value) && (value as number) >= least && (value as number) <= most
      return isFit ? (value as number) : refuse(name, value, `number from ${least} to ${most}`)
    },
    boolean(name: string): boolean {
      const value = field(name) ?? false
      return typeof value === 'boolean' ? value : refuse(name, value, 'boolean')
    },
    command(name: string): Command | undefined {
      const text = this.text(name, /^[^\0]+$/)
      try {
        return text === undefined ? undefined : parseCommandLine(text)
      } catch (error) {
        throw new RangeError(
          `Cannot use ${name} ${JSON.stringify(text)} of backend ${type}: ${(error as Error).message}`,
        )
      }
    },
    text(name: string, pattern: RegExp): string | undefined {
      const value = field(name)
      if (value === undefined || value === null || value === '') return undefined
      return typeof value === 'string' && pattern.test(value)
        ? value
        : refuse(name, value, `text like ${pattern.source}`)
    },
  }
}
