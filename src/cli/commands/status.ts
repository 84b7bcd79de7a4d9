import { type ClusterStatus, readStatus } from '#cluster/status.ts'
import { clusterNamed, oneOf, parseFlags } from '../arguments.ts'
import { formatData } from '../output/format.ts'
import { formatTable } from '../output/table.ts'

export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseFlags('status', args, { output: { type: 'string', short: 'o' } })
  const output = oneOf('-o', values.output, ['json', 'yaml', 'name', 'wide'])
  const layout = clusterNamed(values.name)
  const status = await readStatus(layout)
  if (!status)
    throw new Error(
      `Cannot show cluster ${layout.name}: there is none (\`fairlead up\` starts one)`,
    )
  const text =
    output === 'json' || output === 'yaml'
      ? await formatData(status, output)
      : output === 'name'
        ? status.components.map(({ component, node }) => `${component}/${node}\n`).join('')
        : summary(status) + componentTable(status, output === 'wide')
  process.stdout.write(text)
  return status.phase === 'up' ? 0 : 1
}

function summary({ name, phase, apiServer, context }: ClusterStatus): string {
  return `Cluster ${name}: ${phase}, API server ${apiServer}, context ${context}\n\n`
}

function componentTable({ components }: ClusterStatus, isWide: boolean): string {
  const headings = ['COMPONENT', 'NODE', 'STATE', 'PID', 'ADDRESSES', 'PORTS']
  const rows = components.map(({ component, node, state, pid, addresses, ports, memoryBytes }) => [
    component,
    node,
    state,
    pid === undefined ? '' : String(pid),
    addresses.join(','),
    ports.join(','),
    ...(isWide ? [memoryBytes === undefined ? '' : `${Math.round(memoryBytes / 2 ** 20)} MB`] : []),
  ])
  return formatTable([...headings, ...(isWide ? ['MEMORY'] : [])], rows)
}
