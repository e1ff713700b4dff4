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

export interface Passage {
  number: number;
  hit: Hit;
}

export interface Citation {
  number: number;
  answer_start_byte: number;
  answer_end_byte: number;
}

export interface Finished {
  groundedness: {
    score: number;
    sentence_count: number;
    supported_sentence_count: number;
    invalid_citation_count: number;
    method: string;
  };
  finish_reason: string;
  usage: { prompt_token_count: number; completion_token_count: number };
  timings: { embed_ms: number; search_ms: number; first_token_ms: number; generate_ms: number };
  model: string;
}
