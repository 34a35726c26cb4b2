/** The head of a table: a word for each column. */
export function Columns({ words }: { words: readonly string[] }) {
  return (
    <thead>
      <tr>
        {words.map(word => (
          <th key={word} scope="col">
            {word}
          </th>
        ))}
      </tr>
    </thead>
  )
}
