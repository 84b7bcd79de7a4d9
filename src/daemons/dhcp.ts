import { rmSync, writeFileSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { parseArgs } from 'node:util'
import { createLog } from '#log/log.ts'
import { DEFAULT_SOCKET_PATH } from '#pod-network/cni/plugins/dhcp/dhcp.ts'
import { serveDHCP } from '#pod-network/cni/plugins/dhcp/serve-dhcp.ts'
import { aborted, untilSignal } from './until-signal.ts'

const flags = {
  pidfile: { type: 'string', default: '' },
  hostprefix: { type: 'string', default: '' },
  socketpath: { type: 'string', default: DEFAULT_SOCKET_PATH },
  broadcast: { type: 'boolean', default: false },
  timeout: { type: 'string', default: '10s' },
  resendmax: { type: 'string', default: '62s' },
  resendtimeout: { type: 'string', default: '208s' },
} as const

/** `dhcp daemon`, with the reference's flags, until SIGTERM. Returns the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const log = createLog('dhcp')
  let settings: ReturnType<typeof parseSettings>
  try {
    settings = parseSettings(argv)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    return 2
  }
  const { pidfile, ...options } = settings
  const signal = untilSignal()
  if (pidfile) writeFileSync(pidfile, `${process.pid}`)
  await serveDHCP({ ...options, log }, signal)
  log.info('Listening', { socket: options.socketPath })
  await aborted(signal)
  if (pidfile) rmSync(pidfile, { force: true })
  // Leases under way are timers and sockets; pods keep their addresses.
  process.exit(0)
}

function parseSettings(argv: readonly string[]) {
  // Go takes one dash or two.
  const args = argv.map((each) => each.replace(/^-(?=[a-z]{2})/, '--'))
  const { values } = parseArgs({ args, options: flags, strict: true })
  if (values.pidfile && !isAbsolute(values.pidfile)) {
    throw new Error(`Error writing pidfile ${JSON.stringify(values.pidfile)}: path not absolute`)
  }
  return {
    pidfile: values.pidfile,
    hostPrefix: values.hostprefix,
    socketPath: values.socketpath,
    broadcast: values.broadcast,
    timeoutMs: parseDuration('timeout', values.timeout),
    resendMaxMs: parseDuration('resendmax', values.resendmax),
    resendTimeoutMs: parseDuration('resendtimeout', values.resendtimeout),
  }
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Go's: `1m30s`, `500ms`. */
function parseDuration(flag: string, text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)]
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) {
    throw new Error(`invalid value ${JSON.stringify(text)} for flag -${flag}: parse error`)
  }
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * UNITS_MS[unit!]!, 0)
}
