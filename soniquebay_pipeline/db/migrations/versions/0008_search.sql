-- The search interface, usable from SQL alone. docs/search.md explains each with examples.
--
-- ROWS 20: without it the planner expects 1,000 rows of a function, and joins them by reading all embeddings:
-- 24 ms instead of 1 at 5,000 tracks.

CREATE FUNCTION folded(words text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN btrim(regexp_replace(regexp_replace(regexp_replace(  -- innermost first: accents, letters, inside words, between
    translate(replace(replace(replace(replace(
        normalize(regexp_replace(normalize(lower(normalize(words, NFKC)), NFKD), '[\u0300-\u036f]', '', 'g'), NFC),
        'ß', 'ss'), 'œ', 'oe'), 'æ', 'ae'), 'þ', 'th'), 'øđðħıłŋŧ', 'oddhilnt'),
    '(?<=\w)[''’](?=\w)', '', 'g'),
    '(?<=\y\w)\.(?=\w\.)', '', 'g'),
    '(\W|_)+', ' ', 'g'));

COMMENT ON FUNCTION folded IS 'Text as full-text search compares it: lower case, without accents, words with single spaces between';


CREATE FUNCTION compatible_keys(camelot text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN camelot ~ '^([1-9]|1[0-2])[AB]$' THEN ARRAY[
    camelot,
    left(camelot, -1)::int % 12 + 1 || right(camelot, 1),
    (left(camelot, -1)::int + 10) % 12 + 1 || right(camelot, 1),
    left(camelot, -1) || translate(right(camelot, 1), 'AB', 'BA')
] END;

COMMENT ON FUNCTION compatible_keys IS
    'Keys that mix with one: itself, its neighbours on the Camelot wheel, its relative; NULL for what is no key';


CREATE VIEW track_overview AS
SELECT t.id AS track_id,
       t.title,
       coalesce((SELECT array_agg(a.name ORDER BY x.role = 'featured', x.position, a.id)
                 FROM track_artists x JOIN artists a ON a.id = x.artist_id
                 WHERE x.track_id = t.id AND x.role IN ('main', 'featured')), '{}') AS artists,
       b.title AS album,
       c.name AS album_artist,
       t.disc_number,
       t.track_number,
       t.year,
       coalesce((SELECT array_agg(g.name ORDER BY g.name_key)
                 FROM track_genres x JOIN genres g ON g.id = x.genre_id WHERE x.track_id = t.id), '{}') AS genres,
       t.duration_seconds,
       s.bpm,
       s.camelot_key,
       s.energy,
       s.danceability,
       r.path,
       r.status = 'present' AS is_present,
       t.track_artist_id,
       t.album_id
FROM tracks t
JOIN raw_files r ON r.id = t.file_id
LEFT JOIN albums b ON b.id = t.album_id
LEFT JOIN artists c ON c.id = b.album_artist_id
LEFT JOIN audio_features s ON s.track_id = t.id;

COMMENT ON VIEW track_overview IS 'One row a track, with the names that it refers to';


CREATE FUNCTION embeddings_index_name(kind text, dimensions int, model text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN 'ix_embeddings_hnsw_' || kind || '_' || dimensions || '_' || left(md5(model), 8);

COMMENT ON FUNCTION embeddings_index_name IS
    'Name of the HNSW index over the vectors of one kind, length and model; it exists in large libraries only';


CREATE FUNCTION nearest_tracks(
    query vector,
    kind text,
    model text,
    n int DEFAULT 20,
    bpm_min float8 DEFAULT NULL,
    bpm_max float8 DEFAULT NULL,
    keys text[] DEFAULT NULL,
    genres text[] DEFAULT NULL,
    year_min int DEFAULT NULL,
    year_max int DEFAULT NULL,
    not_tracks bigint[] DEFAULT '{}',
    not_albums bigint[] DEFAULT '{}',
    not_artists bigint[] DEFAULT '{}',
    max_per_artist int DEFAULT NULL,
    max_per_album int DEFAULT NULL,
    each_recording_once boolean DEFAULT true,
    without_index boolean DEFAULT false
) RETURNS TABLE (track_id bigint, similarity real)
LANGUAGE plpgsql STABLE ROWS 20
-- Just-in-time compilation takes longer than the whole search.
SET jit = off
SET hnsw.ef_search = 300
SET hnsw.iterative_scan = relaxed_order
SET hnsw.max_scan_tuples = 8000
-- Switched off below while the index is scanned; what they were returns with the end of the function.
SET enable_sort = on
SET enable_seqscan = on
SET enable_hashjoin = on
SET enable_mergejoin = on
AS $body$
#variable_conflict use_column
DECLARE
    dimensions int := vector_dims(query);
    chunk int := 3 * n + 20;  -- more than n: some go for their artist, album or recording
    wanted int := 100 * n;  -- when everything is compared, more cost nothing
    conditions text[] := '{}';
    genre_ids bigint[];
    filters text;
    nearness text := 'e.vector <#> $1';  -- the negative inner product: vectors have unit length
    candidates bigint[];
    few int;
    indexed real;
    found bigint[];
    near record;
    ids bigint[];
    similarities real[];
    artists bigint[];
    albums bigint[];
    recordings text[];
    known text[];
    switches text[] := ARRAY['enable_sort', 'enable_seqscan', 'enable_hashjoin', 'enable_mergejoin'];
BEGIN
    IF query IS NULL OR n < 1 THEN
        RETURN;
    END IF;

    IF bpm_min IS NOT NULL OR bpm_max IS NOT NULL OR keys IS NOT NULL THEN
        conditions := conditions || concat_ws(' AND ', 'SELECT f.track_id FROM audio_features f WHERE true',
            CASE WHEN keys IS NOT NULL THEN 'f.camelot_key = ANY ($2)' END,
            CASE WHEN bpm_min IS NOT NULL THEN 'f.bpm >= $3' END,
            CASE WHEN bpm_max IS NOT NULL THEN 'f.bpm <= $4' END);
    END IF;
    IF genres IS NOT NULL THEN
        SELECT coalesce(array_agg(g.id), '{}') INTO genre_ids FROM genres g
        WHERE g.name_key = ANY (nearest_tracks.genres)
           OR lower(g.name) IN (SELECT lower(name) FROM unnest(nearest_tracks.genres) AS name);
        conditions := conditions || 'SELECT g.track_id FROM track_genres g WHERE g.genre_id = ANY ($5)'::text;
    END IF;
    IF year_min IS NOT NULL OR year_max IS NOT NULL THEN
        conditions := conditions || concat_ws(' AND ', 'SELECT t.id AS track_id FROM tracks t WHERE true',
            CASE WHEN year_min IS NOT NULL THEN 't.year >= $6' END,
            CASE WHEN year_max IS NOT NULL THEN 't.year <= $7' END);
    END IF;
    SELECT coalesce(string_agg(format(' AND e.track_id IN (%s)', condition), ''), '') INTO filters
    FROM unnest(conditions) AS condition;

    IF NOT without_index THEN
        SELECT c.reltuples INTO indexed FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE i.indexrelid = to_regclass(embeddings_index_name(nearest_tracks.kind, dimensions, nearest_tracks.model))
          AND i.indisvalid;
    END IF;
    IF indexed IS NOT NULL AND filters <> '' THEN
        -- Few candidates are compared one by one: the index would pass by everything that is nearer but not among
        -- them. Both ways take as long where the candidates are about as many as the root of all (docs/search.md).
        few := greatest(2000, chunk, sqrt(400 * greatest(indexed, 1))::int);
        EXECUTE format('SELECT array_agg(track_id) FROM (SELECT e.track_id FROM (%s) e WHERE true%s LIMIT %s) s',
                       conditions[1], filters, few + 1)
        INTO candidates USING query, keys, bpm_min, bpm_max, genre_ids, year_min, year_max;
        IF coalesce(cardinality(candidates), 0) <= few THEN
            indexed := NULL;
            filters := ' AND e.track_id = ANY ($8)';
        END IF;
    END IF;
    IF indexed IS NOT NULL THEN
        -- The iterative scan returns rows in batches that overlap in nearness; with filters there are several.
        wanted := CASE WHEN filters = '' THEN chunk ELSE 2 * chunk END;
        nearness := format('(e.vector::halfvec(%1$s)) <#> ($1::halfvec(%1$s))', dimensions);
    END IF;
    IF each_recording_once THEN
        SELECT array_agg(recording) INTO known
        FROM tracks t JOIN raw_files r ON r.id = t.file_id,
             unnest(ARRAY['audio ' || r.audio_hash, t.track_artist_id || ' ' || lower(t.title)]) AS recording
        WHERE t.id = ANY (not_tracks);
    END IF;

    LOOP
        IF indexed IS NOT NULL THEN
            -- Leaves one plan: the index in its order, and a look at each row's filters.
            PERFORM set_config(name, 'off', true) FROM unnest(switches) AS name;
        END IF;
        EXECUTE format(
            'SELECT coalesce(array_agg(track_id), ''{}'') FROM (SELECT e.track_id FROM embeddings e'
            ' WHERE e.kind = %L AND e.model = %L AND vector_dims(e.vector) = %s%s ORDER BY %s LIMIT %s) s',
            nearest_tracks.kind, nearest_tracks.model, dimensions, filters, nearness, wanted)
        INTO found USING query, keys, bpm_min, bpm_max, genre_ids, year_min, year_max, candidates;

        IF indexed IS NOT NULL THEN
            PERFORM set_config(name, 'on', true) FROM unnest(switches) AS name;
            IF cardinality(found) < wanted THEN
                -- What passes the filters is too far away for the index: hnsw.max_scan_tuples ended the scan.
                indexed := NULL;
                nearness := 'e.vector <#> $1';
                wanted := greatest(wanted, 100 * n);
                CONTINUE;
            END IF;
        END IF;

        ids := '{}';
        similarities := '{}';
        artists := '{}';
        albums := '{}';
        recordings := coalesce(known, '{}');
        FOR start IN 1..cardinality(found) BY chunk LOOP
            FOR near IN
                SELECT e.track_id, -(e.vector <#> query) AS similarity, t.track_artist_id AS artist, t.album_id AS album,
                       ARRAY['audio ' || r.audio_hash, t.track_artist_id || ' ' || lower(t.title)] AS recording
                FROM unnest(found[start:start + chunk - 1]) AS f (track_id)
                JOIN embeddings e ON e.track_id = f.track_id AND e.kind = nearest_tracks.kind
                JOIN tracks t ON t.id = e.track_id
                JOIN raw_files r ON r.id = t.file_id
                WHERE r.status = 'present'
                  AND t.id <> ALL (not_tracks)
                  AND (t.album_id IS NULL OR t.album_id <> ALL (not_albums))
                  AND NOT EXISTS (SELECT FROM track_artists a WHERE a.track_id = t.id AND a.artist_id = ANY (not_artists)
                                  AND a.role IN ('main', 'featured'))
                ORDER BY 2 DESC, 1
            LOOP
                CONTINUE WHEN cardinality(array_positions(artists, near.artist)) >= max_per_artist
                           OR cardinality(array_positions(albums, near.album)) >= max_per_album
                           OR each_recording_once AND near.recording && recordings;
                ids := ids || near.track_id;
                similarities := similarities || near.similarity::real;
                artists := artists || near.artist;
                albums := albums || coalesce(near.album, -near.track_id);
                recordings := recordings || near.recording;
                EXIT WHEN cardinality(ids) = n;
            END LOOP;
            EXIT WHEN cardinality(ids) = n;
        END LOOP;
        EXIT WHEN cardinality(ids) = n OR cardinality(found) < wanted;
        wanted := wanted * 4;
    END LOOP;
    RETURN QUERY SELECT * FROM unnest(ids, similarities);
END
$body$;

COMMENT ON FUNCTION nearest_tracks IS
    'Tracks whose vectors of one kind and model are nearest to a vector, of those that pass the filters';


CREATE FUNCTION vector_blocks(kind text, dimensions int) RETURNS TABLE (block text, first int, length int)
LANGUAGE sql STABLE
AS $body$
    WITH audio AS (
        SELECT split_part(name, '.', 1) AS block, min(place)::int AS first, count(*)::int AS length
        FROM (SELECT names FROM audio_scalers ORDER BY version DESC LIMIT 1) s,
             unnest(s.names) WITH ORDINALITY AS u (name, place)
        GROUP BY 1
    ), whole AS (
        SELECT coalesce(sum(a.length), 0)::int AS audio FROM audio a
    )
    SELECT 'text', 1, dimensions - w.audio FROM whole w WHERE kind = 'combined' AND dimensions > w.audio
    UNION ALL
    SELECT 'text', 1, dimensions WHERE kind = 'text'
    UNION ALL
    SELECT a.block, CASE kind WHEN 'combined' THEN a.first + dimensions - w.audio ELSE a.first END, a.length
    FROM audio a, whole w
    WHERE kind = 'combined' AND dimensions > w.audio OR kind = 'audio' AND dimensions = w.audio
$body$;

COMMENT ON FUNCTION vector_blocks IS 'Which dimensions of a vector are text, timbre, rhythm …; the first one is 1';


CREATE FUNCTION similar_tracks(
    track bigint,
    n int DEFAULT 20,
    bpm_min float8 DEFAULT NULL,
    bpm_max float8 DEFAULT NULL,
    key_rule text DEFAULT NULL,
    genres text[] DEFAULT NULL,
    year_min int DEFAULT NULL,
    year_max int DEFAULT NULL,
    not_same_album boolean DEFAULT false,
    not_same_artist boolean DEFAULT false,
    max_per_artist int DEFAULT 3,
    max_per_album int DEFAULT 2,
    kind text DEFAULT 'combined',
    without_index boolean DEFAULT false
) RETURNS TABLE (
    track_id bigint,
    similarity real,
    by_text real,
    by_timbre real,
    by_rhythm real,
    by_tonality real,
    by_dynamics real,
    by_character real,
    has_audio boolean
)
LANGUAGE plpgsql STABLE ROWS 20
AS $body$
#variable_conflict use_column
DECLARE
    seed record;
    keys text[];
BEGIN
    SELECT e.vector, e.model, s.camelot_key, t.album_id,
           (SELECT array_agg(a.artist_id) FROM track_artists a
            WHERE a.track_id = t.id AND a.role IN ('main', 'featured')) AS artists
    INTO seed
    FROM tracks t JOIN embeddings e ON e.track_id = t.id LEFT JOIN audio_features s ON s.track_id = t.id
    WHERE t.id = similar_tracks.track AND e.kind = similar_tracks.kind;

    -- A track without a key has neither the same key as another nor a compatible one.
    IF key_rule = 'compatible' THEN
        keys := coalesce(compatible_keys(seed.camelot_key), '{}');
    ELSIF key_rule = 'same' THEN
        keys := array_remove(ARRAY[seed.camelot_key], NULL);
    ELSIF compatible_keys(upper(key_rule)) IS NOT NULL THEN
        keys := ARRAY[upper(key_rule)];
    ELSIF key_rule IS NOT NULL THEN
        RAISE invalid_parameter_value
            USING MESSAGE = format('key_rule must be compatible, same or a Camelot key such as 8A, not %L', key_rule);
    END IF;

    RETURN QUERY
    SELECT near.track_id, near.similarity, p.text, p.timbre, p.rhythm, p.tonality, p.dynamics, p.character,
           e.has_audio
    FROM nearest_tracks(
             seed.vector, similar_tracks.kind, seed.model, n, bpm_min, bpm_max, keys, similar_tracks.genres,
             year_min, year_max, ARRAY[track],
             CASE WHEN not_same_album THEN array_remove(ARRAY[seed.album_id], NULL) ELSE '{}' END,
             CASE WHEN not_same_artist THEN coalesce(seed.artists, '{}') ELSE '{}' END,
             max_per_artist, max_per_album, true, without_index
         ) near
    JOIN embeddings e ON e.track_id = near.track_id AND e.kind = similar_tracks.kind
    CROSS JOIN LATERAL (
        SELECT (sum(product) FILTER (WHERE block = 'text'))::real AS text,
               (sum(product) FILTER (WHERE block = 'timbre'))::real AS timbre,
               (sum(product) FILTER (WHERE block = 'rhythm'))::real AS rhythm,
               (sum(product) FILTER (WHERE block = 'tonality'))::real AS tonality,
               (sum(product) FILTER (WHERE block = 'dynamics'))::real AS dynamics,
               (sum(product) FILTER (WHERE block = 'character'))::real AS character
        FROM (SELECT b.block,
                     -(subvector(seed.vector, b.first, b.length) <#> subvector(e.vector, b.first, b.length)) AS product
              FROM vector_blocks(similar_tracks.kind, vector_dims(seed.vector)) b) products
    ) p
    ORDER BY near.similarity DESC, near.track_id;
END
$body$;

COMMENT ON FUNCTION similar_tracks IS
    'Tracks most like one, and what each likeness consists of: the by_ columns add up to the similarity';


CREATE FUNCTION search_by_vector(
    query vector,
    model text,
    n int DEFAULT 20,
    bpm_min float8 DEFAULT NULL,
    bpm_max float8 DEFAULT NULL,
    keys text[] DEFAULT NULL,
    genres text[] DEFAULT NULL,
    year_min int DEFAULT NULL,
    year_max int DEFAULT NULL
) RETURNS TABLE (track_id bigint, similarity real)
LANGUAGE sql STABLE ROWS 20
AS $body$
    SELECT * FROM nearest_tracks(query, 'text', model, n, bpm_min, bpm_max, keys, genres, year_min, year_max,
                                 each_recording_once => false)
$body$;

COMMENT ON FUNCTION search_by_vector IS 'Tracks whose text vectors are nearest to that of a text';


CREATE FUNCTION search_tracks(query text, n int DEFAULT 20) RETURNS TABLE (track_id bigint, rank real)
LANGUAGE plpgsql STABLE ROWS 20
SET jit = off
AS $body$
#variable_conflict use_column
DECLARE
    -- Quoted, so that nothing in them is an operator of tsquery.
    words text[] := ARRAY(SELECT '''' || replace(replace(word, '\', '\\'), '''', '''''') || ''''
                          FROM unnest(tsvector_to_array(to_tsvector('simple', folded(left(query, 1000))))) AS word);
    whole tsquery := array_to_string(words, ' | ')::tsquery;
    every tsquery;
    starts tsquery;
BEGIN
    IF cardinality(words) = 0 THEN
        -- Names such as !!! hold no word.
        RETURN QUERY
        SELECT t.id, 1::real FROM tracks t JOIN raw_files r ON r.id = t.file_id
        WHERE r.status = 'present' AND btrim(query) <> ''
          AND (t.title = btrim(query)
               OR t.track_artist_id IN (SELECT id FROM artists WHERE name_key = lower(btrim(query))))
        ORDER BY t.title <> btrim(query), t.id LIMIT n;
        RETURN;
    END IF;
    every := (array_to_string(words, ':* & ') || ':*')::tsquery;
    starts := (array_to_string(words, ':* | ') || ':*')::tsquery;
    -- All of the words, or else any of them.
    FOR attempt IN 1..2 LOOP
        RETURN QUERY
        SELECT d.track_id, (ts_rank(d.document, whole) + ts_rank(d.document, starts) / 10)::real
        FROM track_texts d JOIN tracks t ON t.id = d.track_id JOIN raw_files r ON r.id = t.file_id
        WHERE d.document @@ CASE attempt WHEN 1 THEN every ELSE starts END AND r.status = 'present'
        ORDER BY 2 DESC, 1 LIMIT n;
        EXIT WHEN FOUND;
    END LOOP;
END
$body$;

COMMENT ON FUNCTION search_tracks IS
    'Tracks by words in title, artists and album, the beginning of a word is enough; best first';


CREATE FUNCTION find_tracks(
    query text,
    query_vector vector DEFAULT NULL,
    model text DEFAULT NULL,
    n int DEFAULT 20
) RETURNS TABLE (track_id bigint, score float8, words_rank int, meaning_rank int, similarity real)
LANGUAGE sql STABLE ROWS 20
AS $body$
    -- Reciprocal rank fusion with k = 60 (Cormack, Clarke and Büttcher 2009) of the first hundred or more of each.
    WITH words AS (
        SELECT s.track_id, row_number() OVER (ORDER BY s.rank DESC, s.track_id)::int AS place
        FROM search_tracks(query, greatest(100, 3 * n)) s
    ), meaning AS (
        SELECT s.track_id, s.similarity, row_number() OVER (ORDER BY s.similarity DESC, s.track_id)::int AS place
        FROM search_by_vector(query_vector, model, greatest(100, 3 * n)) s
    )
    SELECT track_id, coalesce(1.0 / (60 + w.place), 0)::float8 + coalesce(1.0 / (60 + m.place), 0)::float8,
           w.place, m.place, m.similarity
    FROM words w FULL JOIN meaning m USING (track_id)
    ORDER BY 2 DESC, track_id LIMIT n
$body$;

COMMENT ON FUNCTION find_tracks IS 'search_tracks and search_by_vector merged by reciprocal rank fusion';
