import { readFileSync } from 'node:fs'
import { ownedNames } from '#cluster/claim.ts'
import { fairleadHome, layoutOf } from '#cluster/layout.ts'
import { readNodes, readStatus } from '#cluster/status.ts'
import { clusterNamed, oneOf, parseFlags } from '../arguments.ts'
import { formatTable } from '../output/table.ts'
import { UsageError } from '../usage-error.ts'

export async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseFlags('get', args, {
    output: { type: 'string', short: 'o' },
  })
  const what = oneOf('get', positionals[0], ['clusters', 'nodes', 'kubeconfig'])
  if (!what)
    throw new UsageError('Cannot run `fairlead get`: say what (clusters, nodes or kubeconfig)')
  const output = oneOf('-o', values.output, ['json', 'name', 'wide'])
  if (what === 'kubeconfig') {
    const layout = clusterNamed(values.name)
    process.stdout.write(readFileSync(layout.adminKubeconfig, 'utf8'))
    return 0
  }
  const rows = what === 'clusters' ? await clusterRows() : await nodeRows(values.name)
  print(rows, what, output)
  return 0
}

type Row = Readonly<Record<string, string>> & { readonly name: string }

async function clusterRows(): Promise<readonly Row[]> {
  const statuses = await Promise.all(
    ownedNames(fairleadHome()).map((name) => readStatus(layoutOf(name))),
  )
  return statuses.flatMap((status) =>
    status
      ? [
          {
            name: status.name,
            phase: status.phase,
            apiServer: status.apiServer,
            context: status.context,
          },
        ]
      : [],
  )
}

async function nodeRows(name: string | undefined): Promise<readonly Row[]> {
  const nodes = await readNodes(clusterNamed(name))
  return nodes.map(({ metadata, spec, status }) => ({
    name: metadata.name,
    ready: status?.conditions?.find(({ type }) => type === 'Ready')?.status ?? 'Unknown',
    address: status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '',
    podCIDR: spec?.podCIDR ?? '',
  }))
}

function print(
  rows: readonly Row[],
  what: string,
  output: 'json' | 'name' | 'wide' | undefined,
): void {
  if (output === 'json') process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`)
  else if (output === 'name') process.stdout.write(rows.map(({ name }) => `${name}\n`).join(''))
  else if (rows.length === 0) process.stderr.write(`There are no ${what}\n`)
  else
    process.stdout.write(
      formatTable(
        Object.keys(rows[0]!).map((key) =>
          key.replace(/[A-Z]+/g, (capitals) => `-${capitals}`).toUpperCase(),
        ),
        rows.map((row) => Object.values(row)),
      ),
    )
}
