import { readStatus } from '#cluster/status.ts'
import { clusterNamed, oneOf, parseFlags } from '../arguments.ts'
import { formatTable } from '../output/table.ts'

export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseFlags('status', args, { output: { type: 'string', short: 'o' } })
  const output = oneOf('-o', values.output, ['json', 'wide'])
  const layout = clusterNamed(values.name)
  const status = await readStatus(layout)
  if (!status)
    throw new Error(
      `Cannot show cluster ${layout.name}: there is none (\`fairlead up\` starts one)`,
    )
  if (output === 'json') {
    process.stdout.write(`${JSON.stringify(status, null, 2)}\n`)
  } else {
    process.stdout.write(
      `Cluster ${status.name}: ${status.phase}, API server ${status.apiServer}, context ${status.context}\n\n`,
    )
    const headings = [
      'COMPONENT',
      'NODE',
      'STATE',
      'PID',
      'ADDRESSES',
      'PORTS',
      ...(output === 'wide' ? ['MEMORY'] : []),
    ]
    const rows = status.components.map(
      ({ component, node, state, pid, addresses, ports, memoryBytes }) => [
        component,
        node,
        state,
        pid === undefined ? '' : String(pid),
        addresses.join(','),
        ports.join(','),
        ...(output === 'wide'
          ? [memoryBytes === undefined ? '' : `${(memoryBytes / 2 ** 20).toFixed(0)} MB`]
          : []),
      ],
    )
    process.stdout.write(formatTable(headings, rows))
  }
  return status.phase === 'up' ? 0 : 1
}
