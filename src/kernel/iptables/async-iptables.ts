import type { Family } from '#ip/ip.ts'

export type IptablesTable = 'raw' | 'mangle' | 'nat' | 'filter'

/** Which kernel interface the commands speak: rules of one are unseen by the other. */
export type IptablesVariant = 'nft' | 'legacy'

/**
 * iptables(8) of one network namespace and family, beside the event loop: a script for thousands of Services takes seconds. Each call is
 * a process; calls of one value run one after another. Rules of other owners stay: nothing here flushes a table. Who writes a few rules
 * now and then uses the plain one of iptables.ts.
 */
export interface AsyncIptables extends Disposable {
  readonly family: Family
  readonly variant: IptablesVariant
  /** `1.8.9` */
  readonly version: string
  /**
   * Runs a script of iptables-restore(8) with `--noflush --counters`: each table of it is one transaction, chains that it names are
   * emptied first, others stay. Make its lines by `formatRestoreLine`.
   * @throws KernelError with the line at fault
   */
  restore(script: string): Promise<void>
  /** What iptables-save(8) prints, of one table or of all that there are. */
  save(table?: IptablesTable): Promise<string>
  /** Runs iptables(8), such as `-t nat -N KUBE-SERVICES`, and returns what it prints. @throws KernelError; ENOENT where a chain or rule is missing */
  run(args: readonly string[]): Promise<string>
  /** Whether the chain has this very rule (`-C`). */
  has(table: IptablesTable, chain: string, rule: readonly string[]): Promise<boolean>
}
