/** A resolv.conf(5) as the `dns` of a CNI result. Of several `domain` lines the last holds; the others add up. */
export function parseResolvConf(text: string): Readonly<Record<string, unknown>> {
  const lines = text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([key = '']) => key !== '' && !/^[#;]/.test(key))
  const valuesOf = (key: string) =>
    lines.filter(([first]) => first === key).flatMap((line) => line.slice(1))
  const [nameservers, search, options] = ['nameserver', 'search', 'options'].map(valuesOf)
  const domain = valuesOf('domain').at(-1)
  return {
    ...(nameservers?.length && { nameservers }),
    ...(domain && { domain }),
    ...(search?.length && { search }),
    ...(options?.length && { options }),
  }
}
