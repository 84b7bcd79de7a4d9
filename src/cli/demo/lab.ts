import { spawn } from 'node:child_process'
import type { Pod } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import type { API } from '#client/api.ts'
import type { AddressPlan } from '#cluster/address-plan.ts'
import { type ExecTarget, execArgv } from '#cluster/exec.ts'
import { findKubectl } from '#cluster/kubectl.ts'
import type { Layout } from '#cluster/layout.ts'
import type { ClusterOptions } from '#cluster/options.ts'
import { endpointOf } from './row.ts'

export interface CommandResult {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
  readonly milliseconds: number
}

/** One HTTP exchange as curl saw it. `code` 0: no answer, and `error` says why. */
export interface HTTPResult {
  readonly code: number
  readonly body: string
  readonly localPort: string
  readonly milliseconds: number
  readonly error?: string
}

/** A connection as a node's conntrack has it: what was asked for, and what it was translated to. */
export interface Translation {
  readonly asked: string
  readonly endpoint: string
  /** Present where the node put its own address in place of the client's. */
  readonly masqueradedAs?: string
}

/** A bit more than kubectl waits. */
const TIMEOUT_MS = 200_000

/** What the rows of the demo ask with: real commands in real network namespaces of the cluster. */
export class Lab {
  readonly layout: Layout
  readonly api: API
  readonly plan: AddressPlan
  readonly options: ClusterOptions
  readonly #argv = new Map<string, Promise<readonly string[]>>()

  constructor(layout: Layout, api: API, plan: AddressPlan, options: ClusterOptions) {
    this.layout = layout
    this.api = api
    this.plan = plan
    this.options = options
  }

  async run(target: ExecTarget, command: readonly string[], input = ''): Promise<CommandResult> {
    const key = JSON.stringify(target)
    const prefix = this.#argv.get(key) ?? execArgv(this.layout, target)
    this.#argv.set(key, prefix)
    return runCommand([...(await prefix), ...command], { input })
  }

  kubectl(args: readonly string[], input = ''): Promise<CommandResult> {
    return runCommand([findKubectl(), ...args], {
      input,
      env: { ...process.env, KUBECONFIG: this.layout.adminKubeconfig },
    })
  }

  async pods(labels: Readonly<Record<string, string>>): Promise<readonly Pod[]> {
    const labelSelector = Object.entries(labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(',')
    const { items } = await this.api.list(resources.pods, { namespace: 'default', labelSelector })
    return items.filter(
      ({ metadata, status }) =>
        metadata.deletionTimestamp === undefined && status?.podIP !== undefined,
    )
  }

  async pod(name: string): Promise<Pod> {
    const pod = await this.api.get(resources.pods, { namespace: 'default', name })
    if (!pod?.status?.podIP) throw new Error(`Cannot ask pod ${name}: it has no address`)
    return pod
  }

  async service(name: string, namespace = 'default') {
    const service = await this.api.get(resources.services, { namespace, name })
    if (!service) throw new Error(`Cannot ask service ${name}: there is none`)
    return service
  }

  /** One HTTP request on a connection of its own. */
  async http(
    target: ExecTarget,
    url: string,
    options: readonly string[] = [],
  ): Promise<HTTPResult> {
    const mark = '\n%{http_code} %{local_port} %{time_total}'
    const command = ['curl', '-sS', '-v', '--max-time', '15', '-H', 'Connection: close', '-w', mark]
    const { stdout, stderr, milliseconds } = await this.run(target, [...command, ...options, url])
    const [, body = '', code = '0', localPort = '', seconds] =
      /^([\s\S]*)\n(\d+) (\d*) ([\d.]+)$/.exec(stdout) ?? []
    return {
      code: Number(code),
      body: body.trim(),
      localPort,
      milliseconds: seconds ? Number(seconds) * 1000 : milliseconds,
      ...(code === '000' && { error: reasonOf(stderr) }),
    }
  }

  /** Sends one line on a TCP connection and reads the first line of what comes back. */
  async line(target: ExecTarget, host: string, port: number, text: string): Promise<CommandResult> {
    const script =
      'exec 3<>"/dev/tcp/$0/$1" && printf "%s\\n" "$2" >&3 && IFS= read -r -t 15 line <&3 && printf "%s\\n" "$line"'
    return await this.run(target, ['bash', '-c', script, host, String(port), text])
  }

  /**
   * How a node translated a TCP connection, read from its conntrack. The client's port tells one connection to an address from
   * another; alone it would not do, since ports are used again.
   */
  async translation(
    node: string,
    asked: { readonly address: string; readonly port: number; readonly clientPort?: string },
  ): Promise<Translation | undefined> {
    const { address, port, clientPort } = asked
    const filter = ['--orig-dst', address, '--orig-port-dst', String(port)]
    if (clientPort) filter.push('--orig-port-src', clientPort)
    const family = address.includes(':') ? 'ipv6' : 'ipv4'
    const command = ['conntrack', '-L', '-f', family, '-p', 'tcp', ...filter]
    const { stdout } = await this.run({ kind: 'node', name: node }, command)
    return parseConntrack(stdout)
  }

  /** Whether a connection goes to that port of a pod; in userspace mode the kernel brings it to the proxy, which dials the pod. */
  isTranslatedTo(translation: Translation | undefined, port: number): boolean {
    if (this.options.proxy === 'userspace') return translation !== undefined
    return translation?.endpoint.endsWith(`:${port}`) === true
  }
}

/** Why curl got no answer: what connect(2) said where it tells, else its own last words. */
function reasonOf(stderr: string): string {
  const refusal =
    /^\* +connect to .*failed: (.+)$/m.exec(stderr) ??
    /^\* +Immediate connect fail for .*: (.+)$/m.exec(stderr)
  const last = /^curl: \(\d+\) (.+)$/m.exec(stderr)
  return (refusal ?? last)?.[1]?.toLowerCase() ?? 'no answer'
}

/** conntrack(8) prints the tuple as it came, then the tuple that the reply has. */
export function parseConntrack(text: string): Translation | undefined {
  for (const line of text.split('\n')) {
    const field = (name: string) =>
      [...line.matchAll(new RegExp(`\\b${name}=(\\S+)`, 'g'))].map(([, value]) => value!)
    const [[source, replySource], [destination, replyDestination], [, replyPort], [port]] = [
      field('src'),
      field('dst'),
      field('sport'),
      field('dport'),
    ]
    if (!source || !destination || !replySource || !replyDestination) continue
    return {
      asked: endpointOf(destination, port),
      endpoint: endpointOf(replySource, replyPort),
      ...(replyDestination !== source && { masqueradedAs: replyDestination }),
    }
  }
  return
}

export function runCommand(
  argv: readonly string[],
  {
    input = '',
    env = process.env,
  }: { readonly input?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<CommandResult> {
  const { promise, resolve } = Promise.withResolvers<CommandResult>()
  const started = performance.now()
  const child = spawn(argv[0]!, argv.slice(1), {
    env,
    timeout: TIMEOUT_MS,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const texts = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    texts.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    texts.stderr += text
  })
  child.once('error', (error) =>
    resolve({
      status: 127,
      stdout: '',
      stderr: error.message,
      milliseconds: performance.now() - started,
    }),
  )
  child.once('close', (code) =>
    resolve({ status: code ?? 1, ...texts, milliseconds: performance.now() - started }),
  )
  child.stdin.on('error', () => {}).end(input)
  return promise
}
