/** Ends this process, and the commands that it runs, with the process that started it by fork(); one started otherwise lives as long as it wants. */
export function endWithParent(): void {
  if (!process.channel) return
  process.once('disconnect', () => {
    try {
      // A group of our own, where fork() was told so.
      process.kill(-process.pid, 'SIGKILL')
    } catch {
      process.exit(1)
    }
  })
  // To listen must not keep us alive.
  process.channel.unref()
}
