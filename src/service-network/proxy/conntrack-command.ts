import { execFile } from 'node:child_process'
import type { Family } from '#ip/ip.ts'
import { KernelError } from '#kernel/kernel-error.ts'
import { type ConntrackFlusher, parseUDPFlows, type UDPFlow } from './udp-flows.ts'

const MAX_OUTPUT_BYTES = 64 * 1024 * 1024
const TIMEOUT_MS = 10_000

/**
 * conntrack(8), spawned where this process is: changes of UDP endpoints are rare.
 *
 * @param enter a command line to run it by, such as `nsenter --net=…`
 */
export function createConntrackCommand(
  family: Family,
  enter: readonly string[] = [],
): ConntrackFlusher {
  const familyArgs = ['-f', family === 4 ? 'ipv4' : 'ipv6']
  const run = (op: string, args: readonly string[]) => conntrack(op, [...enter, 'conntrack'], args)
  return {
    async udpFlows() {
      const op = 'list UDP flows'
      const { status, stdout, stderr } = await run(op, ['-L', ...familyArgs, '-p', 'udp'])
      if (status !== 0) throw new KernelError(op, 'EIO', { hint: stderr.trim() })
      return parseUDPFlows(stdout)
    },
    async deleteUDPFlows(flows) {
      for (const flow of flows) {
        const op = `delete UDP flow ${flow.source.ip}:${flow.source.port}`
        const { status, stderr } = await run(op, ['-D', ...familyArgs, '-p', 'udp', ...tuple(flow)])
        // It exits 1 also where nothing matched: the flow has ended by itself.
        if (status !== 0 && !/\b0 flow entries have been deleted/.test(stderr))
          throw new KernelError(op, 'EIO', { hint: stderr.trim() })
      }
    },
  }
}

function tuple({ source, frontend, reply }: UDPFlow): readonly string[] {
  return [
    ['--orig-src', source.ip, '--orig-port-src', source.port],
    ['--orig-dst', frontend.ip, '--orig-port-dst', frontend.port],
    ['--reply-src', reply.ip, '--reply-port-src', reply.port],
  ]
    .flat()
    .map(String)
}

function conntrack(
  op: string,
  [command = '', ...before]: readonly string[],
  args: readonly string[],
): Promise<{ readonly status: number; readonly stdout: string; readonly stderr: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number
    stdout: string
    stderr: string
  }>()
  const options = {
    env: { ...process.env, LC_ALL: 'C' },
    maxBuffer: MAX_OUTPUT_BYTES,
    timeout: TIMEOUT_MS,
  }
  execFile(command, [...before, ...args], options, (error, stdout, stderr) => {
    if (!error) resolve({ status: 0, stdout, stderr })
    else if (typeof error.code === 'number') resolve({ status: error.code, stdout, stderr })
    else {
      const hint = error.code === 'ENOENT' ? 'install the package conntrack' : error.message
      reject(new KernelError(op, error.code ?? 'EIO', { hint, cause: error }))
    }
  })
  return promise
}
