import { execArgv, parseExecTarget } from '#cluster/exec.ts'
import { clusterNamed, parseFlags, splitCommand } from '../arguments.ts'
import { passThrough } from '../pass-through.ts'
import { requireRoot } from '../require-root.ts'
import { UsageError } from '../usage-error.ts'

export async function run(args: readonly string[]): Promise<number> {
  const { own, command } = splitCommand(args)
  const { values, positionals } = parseFlags('exec', own, {}, 1)
  const target = positionals[0] === undefined ? undefined : parseExecTarget(positionals[0])
  if (!target)
    throw new UsageError(
      'Cannot run `fairlead exec`: say where (node/NAME, pod/NAMESPACE/NAME or outside)',
    )
  if (command.length === 0)
    throw new UsageError('Cannot run `fairlead exec`: say what to run, behind --')
  const layout = clusterNamed(values.name)
  requireRoot('exec')
  return passThrough([...(await execArgv(layout, target)), ...command])
}
