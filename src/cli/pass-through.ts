/**
 * Becomes the command: it has our standard streams, our terminal and our pid, so that signals reach it, and its end is ours.
 * Node ignores two signals, which a program would inherit: env(1) gives them back.
 * @throws Error where env cannot be run
 */
export function passThrough(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): never {
  const args = ['env', '--default-signal=PIPE,XFSZ', ...argv]
  if (process.execve) process.execve('/usr/bin/env', args, env)
  throw new Error(`Cannot run ${argv[0]}: this Node cannot replace itself (Linux is needed)`)
}
