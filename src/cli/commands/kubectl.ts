import { existsSync } from 'node:fs'
import { findKubectl } from '#cluster/kubectl.ts'
import { clusterNamed, parseFlags, splitCommand } from '../arguments.ts'
import { passThrough } from '../pass-through.ts'

export async function run(args: readonly string[]): Promise<number> {
  const { own, command } = splitCommand(args)
  const { values, positionals } = parseFlags('kubectl', own, {}, Number.POSITIVE_INFINITY)
  const layout = clusterNamed(values.name)
  if (!existsSync(layout.adminKubeconfig))
    throw new Error(
      `Cannot reach cluster ${layout.name}: there is none (\`fairlead up\` starts one)`,
    )
  const env = { ...process.env, KUBECONFIG: layout.adminKubeconfig }
  return passThrough([findKubectl(), ...positionals, ...command], env)
}
