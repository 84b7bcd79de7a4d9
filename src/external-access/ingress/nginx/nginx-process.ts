import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Log } from '#log/log.ts'
import type { Certificate, IngressPlan } from '../model.ts'
import { certificatePath, controlSocketPath, type NginxSettings, renderConfig } from './render.ts'
import { isAccepting, workersOf } from './workers.ts'

// Asked for, not imported: an import takes 70 ms, since it evaluates all of node's fetch.
const { request } = process.getBuiltinModule('node:http')

export interface NginxOptions extends Omit<NginxSettings, 'directory' | 'generation'> {
  /** nginx, and what it is started with: `['setpriv', …, '/usr/sbin/nginx']`. */
  readonly command: readonly string[]
  readonly defaultCertificate: Pick<Certificate, 'certificatePEM' | 'keyPEM'>
  readonly log: Log
}

const RELOAD_TIMEOUT_MS = 10_000
const QUIT_TIMEOUT_MS = 25_000

/**
 * A real nginx as a child process, in a private folder. Its master reads keys as root; the workers, another user, can reach nothing in that
 * folder but their temporary files. A configuration is tested before it replaces the one that runs.
 */
export class Nginx implements AsyncDisposable {
  readonly #directory: string
  readonly #options: NginxOptions
  #child: ChildProcess | undefined
  #generation = 0
  #applied = ''

  private constructor(directory: string, options: NginxOptions) {
    this.#directory = directory
    this.#options = options
  }

  /** Makes the private folder. nginx itself starts with the first plan. */
  static async create(options: NginxOptions): Promise<Nginx> {
    const directory = await mkdtemp(join(tmpdir(), 'fairlead-ingress-'))
    // Workers pass through to their own folders, and cannot list.
    await chmod(directory, 0o711)
    await mkdir(join(directory, 'keys'), { mode: 0o700 })
    const nginx = new Nginx(directory, options)
    await nginx.#writeKey(options.defaultCertificate)
    return nginx
  }

  get isRunning(): boolean {
    return (
      this.#child?.pid !== undefined &&
      this.#child.exitCode === null &&
      this.#child.signalCode === null
    )
  }

  /** Resolves when the running nginx ends, however. */
  async exited(): Promise<void> {
    if (this.#child && this.isRunning) await once(this.#child, 'exit')
  }

  /**
   * Makes nginx do what `plan` says; returns when new requests are treated so, `false` where they were already.
   * @throws Error with nginx's words where it does not accept the configuration; the one before stays in force
   */
  async apply(plan: IngressPlan): Promise<boolean> {
    const settings = { ...this.#options, directory: this.#directory }
    const content = renderConfig(plan, { ...settings, generation: 0 })
    if (content === this.#applied && this.isRunning) return false
    const generation = this.#generation + 1
    const next = join(this.#directory, 'next.conf')
    for (const certificate of plan.certificates) await this.#writeKey(certificate, certificate.id)
    await writeFile(next, renderConfig(plan, { ...settings, generation }), { mode: 0o600 })
    await this.#test(next)
    await rename(next, this.#configPath)
    const before = this.isRunning ? workersOf(this.#child?.pid ?? 0) : []
    if (this.isRunning) this.#child?.kill('SIGHUP')
    else this.#start()
    await this.#untilServing(generation, before)
    this.#generation = generation
    this.#applied = content
    await this.#forgetKeys(plan)
    return true
  }

  /** Stops accepting, lets running requests end, and removes the folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child && this.isRunning) {
      const gone = this.exited()
      this.#child.kill('SIGQUIT')
      const timer = setTimeout(() => this.#child?.kill('SIGTERM'), QUIT_TIMEOUT_MS)
      await gone
      clearTimeout(timer)
    }
    await rm(this.#directory, { recursive: true, force: true })
  }

  get #configPath(): string {
    return join(this.#directory, 'nginx.conf')
  }

  #commandFor(config: string): readonly string[] {
    return [...this.#options.command, '-p', this.#directory, '-e', 'stderr', '-c', config]
  }

  #start(): void {
    const [program = '', ...args] = this.#commandFor(this.#configPath)
    this.#child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] })
    this.#child.on('error', (error) => this.#options.log.error('Cannot start nginx', { error }))
  }

  async #test(config: string): Promise<void> {
    const [program = '', ...args] = this.#commandFor(config)
    const child = spawn(program, [...args, '-t', '-q'], { stdio: ['ignore', 'ignore', 'pipe'] })
    let output = ''
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk
    })
    const [code] = await once(child, 'close')
    if (code !== 0) throw new Error(`Cannot use the configuration: ${output.trim().slice(0, 2000)}`)
  }

  /**
   * Asks the control socket until workers of `generation` answer, and those of before have stopped to accept: for a tenth of a second both do.
   */
  async #untilServing(generation: number, before: readonly number[]): Promise<void> {
    const deadline = performance.now() + RELOAD_TIMEOUT_MS
    const socketPath = controlSocketPath(this.#directory)
    for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, 50)) {
      if ((await readGeneration(socketPath)) === generation && !before.some(isAccepting)) return
      if (!this.isRunning) throw new Error('Cannot start nginx: it ended at once')
      if (performance.now() > deadline) {
        throw new Error(`Cannot reload nginx: still not done after ${RELOAD_TIMEOUT_MS} ms`)
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }

  /** Root's alone: the master opens it before it makes workers. */
  async #writeKey(
    { certificatePEM, keyPEM }: NginxOptions['defaultCertificate'],
    id?: string,
  ): Promise<void> {
    await writeFile(certificatePath(this.#directory, id), `${certificatePEM}\n${keyPEM}`, {
      mode: 0o600,
    })
  }

  async #forgetKeys({ certificates }: IngressPlan): Promise<void> {
    const kept = new Set(['default.pem', ...certificates.map(({ id }) => `${id}.pem`)])
    const folder = join(this.#directory, 'keys')
    for (const name of await readdir(folder)) {
      if (!kept.has(name)) await rm(join(folder, name), { force: true })
    }
  }
}

/** `undefined` while nobody answers. */
function readGeneration(socketPath: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const asking = request({ socketPath, path: '/', agent: false, timeout: 1000 }, (response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => {
        body += chunk
      })
      response.on('end', () => resolve(Number(body)))
      response.on('error', () => resolve(undefined))
    })
    asking.on('timeout', () => asking.destroy())
    asking.on('error', () => resolve(undefined))
    asking.end()
  })
}
