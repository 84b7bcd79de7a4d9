export interface EchoPorts {
  readonly http: readonly number[]
  readonly tcp: readonly number[]
  readonly udp: readonly number[]
}

const DEFAULTS = { http: '8080', tcp: '8081', udp: '8082' }

/** Arguments win over the environment, both over the defaults. @throws RangeError in words for the log */
export function parseEchoPorts(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): EchoPorts {
  const flags = new Map(args.map(parseFlag))
  const portsOf = (protocol: keyof EchoPorts) =>
    parsePorts(
      flags.get(protocol) ?? env[`ECHO_${protocol.toUpperCase()}_PORTS`] ?? DEFAULTS[protocol],
    )
  return { http: portsOf('http'), tcp: portsOf('tcp'), udp: portsOf('udp') }
}

function parseFlag(argument: string): readonly [string, string] {
  const [, protocol, list] = /^--(http|tcp|udp)=(.*)$/.exec(argument) ?? []
  if (protocol === undefined || list === undefined) {
    throw new RangeError(
      `Cannot read argument ${argument} (use --http=PORTS, --tcp=PORTS, --udp=PORTS)`,
    )
  }
  return [protocol, list]
}

function parsePorts(list: string): readonly number[] {
  return list
    .split(',')
    .filter(Boolean)
    .map((text) => {
      const port = Number(text)
      if (!/^\d+$/.test(text) || port < 1 || port > 65535) {
        throw new RangeError(`Cannot serve on port ${text}: ports are 1 to 65535`)
      }
      return port
    })
}
