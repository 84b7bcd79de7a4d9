import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { silentLog } from '#log/log.ts'
import { createLab } from '#testing/netns.ts'
import { planServiceModel } from '../../model.ts'
import { iptablesMode } from './iptables-mode.ts'
import {
  DUMP,
  TUTORIAL_OPTIONS,
  TUTORIAL_SERVICES,
  TUTORIAL_SLICES,
} from './testing/tutorial-dump.ts'

suite("the tutorial's dump", () => {
  const shared = process.env.FAIRLEAD_SHARED
  test('is that of the tutorial', { skip: !shared && 'needs FAIRLEAD_SHARED' }, () => {
    const folder = join(shared!, 'tutorials')
    const file = readdirSync(folder).find((name) => name.startsWith('003'))
    const lines = readFileSync(join(folder, file!), 'utf8').split('\n')
    for (const line of DUMP) assert.ok(lines.includes(line), line)
  })

  for (const variant of ['nft', 'legacy'] as const) {
    test(`is what iptables-${variant} -S -t nat prints`, async () => {
      using lab = createLab()
      const netns = lab.netns('node1')
      const options = { ...TUTORIAL_OPTIONS, iptables: { ...TUTORIAL_OPTIONS.iptables, variant } }
      await using table = await iptablesMode.open({ netns, log: silentLog }, options)
      await table.sync(planServiceModel(TUTORIAL_SERVICES, TUTORIAL_SLICES, options))
      const { stdout } = lab.exec(netns, [`iptables-${variant}`, '-S', '-t', 'nat'])
      const printed = stdout.split('\n')
      for (const line of DUMP) assert.ok(printed.includes(line), `${line}\n\n${stdout}`)
      const between = (chain: string) => printed.filter((line) => line.startsWith(`-A ${chain} `))
      // In a chain the order counts.
      for (const chain of [
        'KUBE-SVC-4N57TFCL4MD7ZTDA',
        'KUBE-SEP-ZWDBLNQ3XRBMUP33',
        'KUBE-SEP-H2XFNPZ6MLIHFOVM',
      ])
        assert.deepEqual(
          between(chain),
          DUMP.filter((line) => line.startsWith(`-A ${chain} `)),
        )
      const nginx = between('KUBE-SERVICES').filter((line) => line.includes('default/nginx:'))
      assert.deepEqual(nginx, DUMP.slice(1, 3))
    })
  }
})
