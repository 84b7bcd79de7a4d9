/** What of the Docker daemon's options is written, and how. */
export interface DockerOptsSettings {
  /** `DOCKER_OPT_BIP="--bip=…"`, one a line. */
  readonly individual: boolean
  /** All in one variable. */
  readonly combined: boolean
  /** Name of that variable. */
  readonly key: string
  /** Whether Docker is told to masquerade, or not to. */
  readonly ipMasq: boolean
}

type Environment = Readonly<Record<string, string | undefined>>

const PREFIX = 'DOCKER_OPT_'

/**
 * The options that make Docker use the node's subnet of flannel's network, as flannel's mk-docker-opts.sh writes them: in the
 * order of their names, behind what the combined variable holds in the environment.
 * @param subnetEnv text of subnet.env; empty where there is none
 * @throws Error in the script's words where FLANNEL_IPMASQ is neither true nor false
 */
export function renderDockerOpts(
  subnetEnv: string,
  { individual, combined, key, ipMasq }: DockerOptsSettings,
  environment: Environment = {},
): string {
  const flannel = { ...environment, ...parseAssignments(subnetEnv) }
  const held = Object.entries(environment).filter(([name]) => name.startsWith(PREFIX))
  const options = Object.entries({
    ...Object.fromEntries(held),
    ...planOptions(flannel, ipMasq),
  }).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const before = environment[key] ? `${environment[key]} ` : ''
  const all = `${before}${options.map(([, value]) => ` ${value}`).join('')}`
  const lines = [
    ...(individual ? options.map(([name, value]) => `${name}="${value}"`) : []),
    ...(combined ? [`${key}="${all}"`] : []),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

function planOptions(flannel: Environment, ipMasq: boolean): Readonly<Record<string, string>> {
  const { FLANNEL_SUBNET: subnet, FLANNEL_MTU: mtu, FLANNEL_IPMASQ: masquerades } = flannel
  // One of the two masquerades.
  const inverse: Environment = { true: 'false', false: 'true' }
  if (ipMasq && masquerades && !inverse[masquerades]) {
    throw new Error(`Invalid value of FLANNEL_IPMASQ: ${masquerades}`)
  }
  return {
    ...(subnet && { [`${PREFIX}BIP`]: `--bip=${subnet}` }),
    ...(mtu && { [`${PREFIX}MTU`]: `--mtu=${mtu}` }),
    ...(ipMasq && masquerades && { [`${PREFIX}IPMASQ`]: `--ip-masq=${inverse[masquerades]}` }),
  }
}

/** `NAME=VALUE` lines, as flannel writes them; nothing is run, unlike in the script, where a shell reads the file. */
export function parseAssignments(text: string): Readonly<Record<string, string>> {
  const pairs = text.split('\n').flatMap((line) => {
    const [, name, value = ''] = /^\s*(?:export\s+)?([A-Za-z_]\w*)=(.*?)\s*$/.exec(line) ?? []
    return name === undefined ? [] : [[name, value.replace(/^(["'])(.*)\1$/, '$2')] as const]
  })
  return Object.fromEntries(pairs)
}
