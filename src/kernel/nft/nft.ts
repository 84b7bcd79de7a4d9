/** nftables of one network namespace. */
export interface Nft extends Disposable {
  /** Runs one nft(8) script as one transaction: all of it or none of it. @throws KernelError with nft's own message */
  commit(script: string): void
  /** What `nft` prints for a command such as `list ruleset` (with `-j` when `json`). For observers, never on the hot path. */
  read(command: string, options?: { readonly json?: boolean }): string
}
