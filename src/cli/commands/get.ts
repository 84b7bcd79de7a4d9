import { readFileSync } from 'node:fs'
import { ownedNames } from '#cluster/claim.ts'
import { contextOf, fairleadHome, type Layout, layoutOf } from '#cluster/layout.ts'
import { StateFileError } from '#cluster/state-file.ts'
import { readNodes, readStatus } from '#cluster/status.ts'
import { clusterNamed, oneOf, parseFlags } from '../arguments.ts'
import { type DataFormat, formatData } from '../output/format.ts'
import { formatTable } from '../output/table.ts'
import { UsageError } from '../usage-error.ts'

type Output = DataFormat | 'name' | 'wide' | undefined

export async function run(args: readonly string[]): Promise<number> {
  const options = { output: { type: 'string', short: 'o' } } as const
  const { values, positionals } = parseFlags('get', args, options, 1)
  const what = oneOf('get', positionals[0], ['clusters', 'nodes', 'kubeconfig'])
  if (!what)
    throw new UsageError('Cannot run `fairlead get`: say what (clusters, nodes or kubeconfig)')
  const output = oneOf('-o', values.output, ['json', 'yaml', 'name', 'wide'])
  process.stdout.write(
    what === 'kubeconfig'
      ? await kubeconfigText(clusterNamed(values.name), output)
      : await rowsText(
          what,
          what === 'clusters' ? await clusterRows() : await nodeRows(values.name),
          output,
        ),
  )
  return 0
}

async function kubeconfigText(layout: Layout, output: Output): Promise<string> {
  if (output === 'name') return `${contextOf(layout.name)}\n`
  const text = readKubeconfig(layout)
  return output === 'yaml' ? await formatData(JSON.parse(text), output) : text
}

function readKubeconfig({ adminKubeconfig, name }: Layout): string {
  try {
    return readFileSync(adminKubeconfig, 'utf8')
  } catch (cause) {
    const isAbsent = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    const why = isAbsent ? 'there is none (`fairlead up` starts one)' : 'it cannot be read'
    throw new Error(
      `Cannot show the kubeconfig of cluster ${name}: ${why}`,
      isAbsent ? {} : { cause },
    )
  }
}

type Row = Readonly<Record<string, string>> & { readonly name: string }

async function clusterRows(): Promise<readonly Row[]> {
  const rows = await Promise.all(ownedNames(fairleadHome()).map(clusterRow))
  return rows.flatMap((row) => row ?? [])
}

/** One that cannot be read must not hide the others. */
async function clusterRow(name: string): Promise<Row | undefined> {
  try {
    const status = await readStatus(layoutOf(name))
    return (
      status && { name, phase: status.phase, apiServer: status.apiServer, context: status.context }
    )
  } catch (error) {
    if (!(error instanceof StateFileError)) throw error
    return { name, phase: 'damaged', apiServer: '', context: contextOf(name) }
  }
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

async function rowsText(what: string, rows: readonly Row[], output: Output): Promise<string> {
  if (output === 'json' || output === 'yaml') return await formatData(rows, output)
  if (output === 'name') return rows.map(({ name }) => `${name}\n`).join('')
  if (rows.length === 0) {
    process.stderr.write(`There are no ${what}\n`)
    return ''
  }
  const headings = Object.keys(rows[0]!).map((key) =>
    key.replace(/[A-Z]+/g, (capitals) => `-${capitals}`).toUpperCase(),
  )
  return formatTable(
    headings,
    rows.map((row) => Object.values(row)),
  )
}
