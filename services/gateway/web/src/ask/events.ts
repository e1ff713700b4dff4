/** Events of RagService's Ask, as protobuf's JSON writes them; what this page doesn't know of, it leaves out. */

export interface Hit {
  chunk_id: string;
  document_id: string;
  ordinal: number;
  text: string;
  title: string;
  source_uri: string;
  start_byte: number;
  end_byte: number;
  score: number;
  dense_score?: number;
  lexical_score?: number;
  dense_rank?: number;
  lexical_rank?: number;
  content_sha256: string;
}

/** A place in a document's text. */
export interface Span {
  start_byte: number;
  end_byte: number;
}

export interface Passage {
  number: number;
  hit: Hit;
  collection: string;
  rerank_score?: number;
  suspicions: (Span & { kind: string })[];
}

export interface Rewritten {
  query: string;
  method: string;
}

export interface Retrieved {
  passages: Passage[];
  omitted: { document_id: string; reason: string }[];
}

export interface Citation {
  number: number;
  answer_start_byte: number;
  answer_end_byte: number;
  supported: boolean;
  evidence?: Span;
}

export interface Sentence {
  number: number;
  answer_start_byte: number;
  answer_end_byte: number;
  support: number;
  supported: boolean;
  /** 0 when no passage supports it at all. */
  passage_number: number;
  evidence?: Span;
  cited_passage_numbers: number[];
  repeats_instruction: boolean;
}

export interface Timings {
  embed_ms: number;
  search_ms: number;
  first_token_ms: number;
  generate_ms: number;
  rewrite_ms: number;
  rerank_ms: number;
  pack_ms: number;
  support_ms: number;
  total_ms: number;
  energy_joules?: number;
}

export interface Finished {
  groundedness: {
    score: number;
    sentence_count: number;
    supported_sentence_count: number;
    invalid_citation_count: number;
    withheld_sentence_count: number;
    method: string;
  };
  finish_reason: string;
  usage: { prompt_token_count: number; completion_token_count: number };
  timings: Timings;
  model: string;
  abstention: string;
}
