import { spawnSync } from 'node:child_process'

/** What a cluster uses of the kernel: how to see that it works (in a network namespace of its own), and the modules that bring it. */
const features: readonly {
  readonly name: string
  readonly probe: string
  readonly modules: readonly string[]
}[] = [
  { name: 'nf_tables', probe: 'nft add table ip probe', modules: ['nf_tables'] },
  {
    name: 'nf_tables NAT and conntrack',
    probe:
      "nft 'add table ip p; add chain ip p c { type nat hook prerouting priority -100; }; add rule ip p c ct state new meta l4proto tcp dnat to 192.0.2.1:1; add chain ip p m { type nat hook postrouting priority 100; }; add rule ip p m masquerade fully-random; add rule ip p c fib daddr type local accept'",
    modules: [
      'nf_conntrack',
      'nf_nat',
      'nft_chain_nat',
      'nft_nat',
      'nft_masq',
      'nft_fib_ipv4',
      'nft_numgen',
      'nft_reject_ipv4',
      'nft_ct',
    ],
  },
  { name: 'veth', probe: 'ip link add v0 type veth peer name v1', modules: ['veth'] },
  { name: 'bridge', probe: 'ip link add b0 type bridge', modules: ['bridge'] },
  {
    name: 'vxlan',
    probe: 'ip link add x0 type vxlan id 1 dstport 8472 dev lo',
    modules: ['vxlan'],
  },
]

/** Tries each feature in a scratch network namespace; loads modules for those that fail and says so. Exits 2 where that does not help. */
export function loadMissingFeatures(): void {
  if (works(features.map(({ probe }) => probe).join(' && '))) return
  for (const { name, probe, modules } of features) {
    if (works(probe)) continue
    console.error(`setup: loading kernel modules for ${name}: ${modules.join(' ')}`)
    for (const module of modules) spawnSync('modprobe', ['-q', module])
    if (works(probe)) continue
    console.error(
      `Cannot use ${name}: this kernel refuses it, and no module brought it (\`${probe}\` fails in a fresh network namespace; boot a kernel that has it)`,
    )
    process.exit(2)
  }
}

function works(probe: string): boolean {
  return (
    spawnSync('unshare', ['--net', 'sh', '-c', `PATH=$PATH:/usr/sbin:/sbin; ${probe}`]).status === 0
  )
}
