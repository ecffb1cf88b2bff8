/** Topics with their queues and consumers, the brokers that hold them, the clients that are linked. */
import { useState } from 'preact/hooks'
import { place } from '../live.ts'
import { Choice } from '../widgets/choice.tsx'
import { CommandLine } from '../widgets/command-line.tsx'
import { FilterBox } from '../widgets/filter-box.tsx'
import { BrokerTable } from './broker-table.tsx'
import { ClientTable } from './client-table.tsx'
import { TopicTree } from './topic-tree.tsx'

type Part = 'topics' | 'brokers' | 'clients'

const PARTS: readonly (readonly [Part, string])[] = [
  ['topics', 'Topics and queues'],
  ['brokers', 'Brokers'],
  ['clients', 'Clients'],
]
const HINTS: Readonly<Record<Part, string>> = {
  topics: 'Filter by topic, owner, broker, state',
  brokers: 'Filter by broker, IDC',
  clients: 'Filter by name, instance, IDC',
}

export const QueuesView = () => {
  const [part, setPart] = useState<Part>('topics')
  const { item } = place.value
  return (
    <div class="view view-main">
      <div class="toolbar">
        <FilterBox hint={HINTS[part]} />
        <Choice label="What is shown" value={part} of={PARTS} onChoose={setPart} />
        <CommandLine
          words={
            part === 'topics'
              ? item === ''
                ? ['queues']
                : ['queues', item]
              : part === 'brokers'
                ? ['top']
                : ['sessions']
          }
        />
        {part === 'topics' ? <CommandLine words={['topics']} /> : null}
      </div>
      {part === 'topics' ? <TopicTree /> : part === 'brokers' ? <BrokerTable /> : <ClientTable />}
    </div>
  )
}
