import type { Hit } from "../ask/events";
import { condensed } from "../ask/marked";
import { chosenCollection, collections } from "../lib/collections";
import { duration, plural, quantity } from "../lib/format";
import { Segments, Select } from "../parts/fields";
import { Icon } from "../parts/icon";
import { Notice } from "../parts/notice";
import { shared } from "./shared";
import { found, mode, problem, search, searching, text } from "./state";

const MODES = [
  { value: "hybrid", label: "Both" },
  { value: "dense", label: "Meaning" },
  { value: "lexical", label: "Words" },
] as const;

export function SearchView() {
  const result = found.value;
  return (
    <div class="view single">
      <section class="stage" aria-label="Search">
        <div class="stage-scroll" tabIndex={0}>
          <div class="column wide">
            <div class="page-head">
              <h1>Search</h1>
              <p>Passages by meaning, by words, or by both.</p>
            </div>
            <Bar />
            {problem.value !== null && <Notice text={problem.value} />}
            {result && (
              <>
                <p class="meta results-head">
                  <span>{plural(result.hits.length, "passage")}</span>
                  <span>{duration(result.milliseconds)}, there and back</span>
                </p>
                <ol class="hits" data-stale={searching.value !== null}>
                  {result.hits.map((hit, place) => (
                    <HitRow key={hit.chunk_id} hit={hit} place={place + 1} asked={result.text} />
                  ))}
                </ol>
                {result.hits.length === 0 && <p class="nothing">Nothing was found.</p>}
              </>
            )}
          </div>
        </div>
      </section>
    </div>
  );
}

function Bar() {
  return (
    <form
      class="search-bar"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        void search();
      }}
    >
      <div class="search-field">
        <Icon name="search" />
        <input
          class="input"
          data-composer
          aria-label="What to look for"
          placeholder="What to look for"
          autocomplete="off"
          value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value;
          }}
        />
        <button class="button primary" disabled={text.value.trim() === "" || chosenCollection.value === ""}>
          Search
        </button>
      </div>
      <div class="search-options">
        <Select
          label="In"
          value={chosenCollection.value}
          options={collections.value.map((item) => item.name)}
          onChange={(value) => {
            chosenCollection.value = value;
            void search();
          }}
        />
        <Segments
          label="By"
          value={mode.value}
          options={MODES}
          onChange={(value) => {
            mode.value = value;
            void search();
          }}
        />
      </div>
    </form>
  );
}

function HitRow({ hit, place, asked }: { hit: Hit; place: number; asked: string }) {
  return (
    <li class="hit">
      <span class="hit-place number">{place}</span>
      <div>
        <h2>{hit.title || hit.document_id}</h2>
        <p class="hit-text">
          {shared(condensed([{ text: hit.text, kind: "plain" }], hit.title)[0]?.text ?? "", [asked]).map((piece, index) =>
            index % 2 ? <mark key={index}>{piece}</mark> : piece,
          )}
        </p>
        <p class="meta">
          <span class="source">{hit.document_id}</span>
          <span>
            bytes {hit.start_byte}–{hit.end_byte}
          </span>
        </p>
      </div>
      <dl class="ranks">
        <Rank name="meaning" rank={hit.dense_rank} score={hit.dense_score} />
        <Rank name="words" rank={hit.lexical_rank} score={hit.lexical_score} />
      </dl>
    </li>
  );
}

function Rank({ name, rank, score }: { name: string; rank: number | undefined; score: number | undefined }) {
  if (rank === undefined) return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd class="number">
        #{rank}
        {score !== undefined && <span>{quantity(score)}</span>}
      </dd>
    </div>
  );
}
