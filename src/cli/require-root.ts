/** @throws Error: namespaces, links and rules need CAP_SYS_ADMIN and CAP_NET_ADMIN */
export function requireRoot(verb: string): void {
  if (process.getuid?.() !== 0) {
    throw new Error(
      `Cannot run \`fairlead ${verb}\`: it makes network namespaces, which only root may (call it with sudo)`,
    )
  }
}
