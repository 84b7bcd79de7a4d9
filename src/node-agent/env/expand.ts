/**
 * Replaces `$(NAME)` by its value; `$$` stands for one `$`, so `$$(NAME)` stays text. An unknown name stays as written.
 * @see https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
 */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  return text.replace(/\$(\$|\(([^()]*)\))/g, (whole, escaped: string, name?: string) =>
    escaped === '$' ? '$' : (lookup(name ?? '') ?? whole),
  )
}
