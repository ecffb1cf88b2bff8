/** What happened: live with a slider over the last minutes, or the recording of a drill. */
import { useState } from 'preact/hooks'
import { Choice } from '../widgets/choice.tsx'
import { CommandLine } from '../widgets/command-line.tsx'
import { FilterBox } from '../widgets/filter-box.tsx'
import { DrillPlayer } from './drill-player.tsx'
import { EntryList, type Level, type Source } from './entry-list.tsx'
import { PastSlider } from './past-slider.tsx'

type Part = 'live' | 'drill'

export const TimelineView = () => {
  const [part, setPart] = useState<Part>('live')
  const [level, setLevel] = useState<Level>('info')
  const [source, setSource] = useState<Source>('all')
  const [instant, setInstant] = useState<number | null>(null)
  return (
    <div class="view view-main">
      <div class="toolbar">
        <Choice
          label="Live or recorded"
          value={part}
          onChoose={setPart}
          of={[
            ['live', 'Live'],
            ['drill', 'Drill recording'],
          ]}
        />
        {part === 'drill' ? (
          <CommandLine words={['drill', 'NAME', '--report']} />
        ) : (
          <>
            <FilterBox hint="Filter by text, topic, node" />
            <Choice
              label="Level"
              value={level}
              onChoose={setLevel}
              of={[
                ['warn', 'Warnings'],
                ['info', 'Infos too'],
                ['debug', 'Everything'],
              ]}
            />
            <Choice
              label="Source"
              value={source}
              onChoose={setSource}
              of={[
                ['all', 'Everybody'],
                ['broker', 'Brokers'],
                ['client', 'Clients'],
                ['operator', 'Audit'],
                ['drill', 'Drills'],
              ]}
            />
            <CommandLine words={source === 'operator' ? ['audit'] : ['timeline', '--follow']} />
          </>
        )}
      </div>
      {part === 'drill' ? (
        <DrillPlayer />
      ) : (
        <>
          <PastSlider instant={instant} onInstant={setInstant} />
          <EntryList level={level} source={source} until={instant} />
        </>
      )}
    </div>
  )
}
