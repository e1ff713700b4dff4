"""The limits that the protos promise, in one place."""

MAX_NAME_BYTES = 128
MAX_DIMENSION = 8192
MAX_STAMP_BYTES = 256
HNSW_M = (4, 64)
MAX_EF_CONSTRUCTION = 1000
EF_SEARCH = (8, 4096)
MAX_DOCUMENT_ID_BYTES = 512
MAX_TITLE_BYTES = 1024
MAX_SOURCE_URI_BYTES = 2048
MAX_TEXT_BYTES = 4 * 1024 * 1024
MAX_METADATA_BYTES = 64 * 1024
MAX_METADATA_DEPTH = 16
MAX_CHUNKS = 10_000
MAX_READERS = 256
MAX_READER_NAME = 128
MAX_CHUNK_BYTES = 64 * 1024
MAX_DOCUMENTS_PER_WRITE = 1000
MAX_PAGE_SIZE = 1000
DEFAULT_PAGE_SIZE = 100
MAX_QUERY_BYTES = 4096
MAX_TOP_K = 1000
DEFAULT_TOP_K = 10
MAX_QUERIES = 256
MAX_RRF_K = 1000
DEFAULT_RRF_K = 60
MAX_MMR_CANDIDATES = 1000
MAX_GROUP_SIZE = 100
# Vectors of an answer, and no more than half of what a message is set to hold.
MAX_FOUND_VECTOR_BYTES = 16 * 1024 * 1024
# Candidates of each ranking, where more are needed than are returned.
MIN_CANDIDATES = 100
CANDIDATE_FACTOR = 4
MAX_FILTER_DEPTH = 8
MAX_FILTER_PARTS = 256
MAX_FILTER_LIST = 64
MAX_ANY_OF = 1024
MAX_PREFIX_BYTES = 1024
# All `any_of` values of one filter together: each is a bound parameter, and SQLite takes 32766 of them.
MAX_FILTER_VALUES = 16_384
MAX_FINDINGS = 100

# A page of full documents ends early rather than outgrow a message: bytes of text, chunks and metadata.
PAGE_CONTENT_BYTES = 3 * 1024 * 1024
# Beyond this length float32 dot products and squared distances could overflow.
MAX_VECTOR_NORM = 1e18
