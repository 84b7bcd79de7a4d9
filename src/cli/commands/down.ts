import { ownedNames } from '#cluster/claim.ts'
import { removeCluster } from '#cluster/down.ts'
import { userKubeconfigPath } from '#cluster/kubeconfig.ts'
import { fairleadHome, layoutOf } from '#cluster/layout.ts'
import { clusterNamed, parseFlags } from '../arguments.ts'
import { createProgress } from '../output/progress.ts'
import { requireRoot } from '../require-root.ts'
import { UsageError } from '../usage-error.ts'

export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseFlags('down', args, { all: { type: 'boolean' } })
  if (values.all && values.name !== undefined)
    throw new UsageError('Cannot run `fairlead down`: --all and --name exclude each other')
  const layouts = values.all
    ? ownedNames(fairleadHome()).map((name) => layoutOf(name))
    : [clusterNamed(values.name)]
  requireRoot('down')
  if (layouts.length === 0) process.stderr.write('There is no cluster\n')
  for (const layout of layouts) {
    using progress = createProgress()
    const wasThere = await removeCluster(layout, { kubeconfigPath: userKubeconfigPath() })
    progress.done(
      wasThere ? `Cluster ${layout.name} is removed` : `There is no cluster ${layout.name}`,
    )
  }
  return 0
}
