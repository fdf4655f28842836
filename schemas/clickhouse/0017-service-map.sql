ALTER TABLE calls ADD COLUMN IF NOT EXISTS gateway LowCardinality(String) COMMENT 'Gateway that headers of the response name: litellm, portkey, helicone, kong, envoy ...; empty: none does.' CODEC(ZSTD(1)) AFTER server_software;

-- Who calls which server, and what software that server is, by evidence that is named (docs/cookbook.md). Second hops are in call_hops:
-- they are the gateways' own calls, and count here.
CREATE VIEW IF NOT EXISTS service_map
(
    network LowCardinality(String) COMMENT 'Label of the network that the addresses belong to.',
    client_ip LowCardinality(String) COMMENT 'Address of the client: an agent''s machine, or a gateway.',
    agent_id LowCardinality(String) COMMENT 'Who made the calls; empty when not known.',
    server_ip LowCardinality(String) COMMENT 'Address of the server.',
    server_port UInt16 COMMENT 'Port of the server.',
    host LowCardinality(String) COMMENT 'Host header of the requests.',
    hop UInt8 COMMENT '1: calls of clients; 2: calls that a gateway made for them.',
    software String COMMENT 'vllm, sglang, llama.cpp, ollama, litellm, envoy, nginx ... or the provider''s name; empty when nothing tells.',
    evidence Array(String) COMMENT 'What tells it, for how many calls; the first is what software was read from.',
    other_software Array(String) COMMENT 'Software that other evidence names: what stands in front or behind.',
    providers Array(LowCardinality(String)) COMMENT 'Providers of the calls, as calls.provider tells.',
    dialects Array(LowCardinality(String)) COMMENT 'API formats.',
    models Array(LowCardinality(String)) COMMENT 'Models that answered, at most 20.',
    forwards_to Array(String) COMMENT 'Servers of the second hops of these calls.',
    calls UInt64 COMMENT 'Calls.',
    errors UInt64 COMMENT 'Of these, failed on the server''s side: outcome http_error, stream_error, upstream_abort or timeout.',
    first_seen DateTime64(6, 'UTC') COMMENT 'First call.',
    last_seen DateTime64(6, 'UTC') COMMENT 'Newest call.'
) AS
WITH
    hops AS (SELECT call_id, hop_of, request_start, row FROM call_hops FINAL),
    every AS
    (
        SELECT network, client_ip, agent_id, server_ip, server_port, host, server_software, gateway, response_id, path, dialect, provider, model, outcome, request_start, 1 AS hop
        FROM calls
        UNION ALL
        SELECT JSONExtractString(row, 'network'), JSONExtractString(row, 'client_ip'), JSONExtractString(row, 'agent_id'), JSONExtractString(row, 'server_ip'),
            toUInt16(JSONExtractUInt(row, 'server_port')), JSONExtractString(row, 'host'), JSONExtractString(row, 'server_software'), JSONExtractString(row, 'gateway'),
            JSONExtractString(row, 'response_id'), JSONExtractString(row, 'path'), JSONExtractString(row, 'dialect'),
            JSONExtractString(row, 'provider'), JSONExtractString(row, 'model'), JSONExtractString(row, 'outcome'), request_start, 2
        FROM hops
    ),
    -- Where calls with a second hop were forwarded to, and by what.
    forwarded AS
    (
        SELECT network, client_ip, agent_id, server_ip, server_port, host, concat(JSONExtractString(row, 'server_ip'), ':', toString(JSONExtractUInt(row, 'server_port'))) AS next_server,
            JSONExtractString(row, 'client_name') = 'litellm' AS by_litellm, count() AS n
        FROM (SELECT call_id, network, client_ip, agent_id, server_ip, server_port, host FROM calls WHERE call_id IN (SELECT hop_of FROM hops)) AS front
        INNER JOIN hops ON hops.hop_of = front.call_id
        GROUP BY network, client_ip, agent_id, server_ip, server_port, host, next_server, by_litellm
    ),
    -- What an id looks like is all that is read from each call; the rest is read from groups of them.
    alike AS
    (
        SELECT network, client_ip, agent_id, server_ip, server_port, host, hop, server_software, gateway, path, dialect, provider, model,
            multiIf(
                startsWith(response_id, 'msg_bdrk_'), 'bedrock', startsWith(response_id, 'msg_vrtx_'), 'vertex',
                length(response_id) = 32 AND dialect = 'openai.chat' AND match(response_id, '^[0-9a-f]+$'), 'hex',
                length(response_id) NOT IN (10, 11, 12, 25, 41, 45) OR NOT startsWith(response_id, 'chatcmpl-'), '',
                length(response_id) <= 12, if(match(response_id, '^chatcmpl-[0-9]+$'), 'chatcmpl digits', ''),
                length(response_id) = 45, if(match(response_id, '^chatcmpl-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'), 'chatcmpl uuid', ''),
                match(response_id, '^chatcmpl-[0-9a-f]+$'), 'chatcmpl hex', '') AS shape,
            count() AS n, countIf(outcome IN ('http_error', 'stream_error', 'upstream_abort', 'timeout')) AS failed, min(request_start) AS first, max(request_start) AS last
        FROM every
        GROUP BY network, client_ip, agent_id, server_ip, server_port, host, hop, server_software, gateway, path, dialect, provider, model, shape
    ),
    -- The text of an evidence is its rank, what it names, and what it is.
    read AS
    (
        SELECT *,
            splitByChar(':', lower(toString(host)))[1] AS name,
            splitByChar('/', splitByChar(' ', lower(toString(server_software)))[1])[1] AS banner,
            arrayFilter(text -> text != '',
            [
                multiIf(
                    name IN ('api.openai.com', 'chatgpt.com'), '1|openai|host', name = 'api.anthropic.com', '1|anthropic|host',
                    endsWith(name, '.googleapis.com'), '1|google|host', endsWith(name, '.azure.com'), '1|azure|host',
                    endsWith(name, '.amazonaws.com'), '1|aws|host', name = 'openrouter.ai', '1|openrouter|host', ''),
                multiIf(gateway = '', '', gateway IN ('envoy', 'kong'), concat('6|', gateway, '|response header of its own'), concat('2|', gateway, '|response header of its own')),
                if(path IN ('/api/chat', '/api/generate'), '3|ollama|path', ''),
                if(banner = 'llama.cpp', '3|llama.cpp|server header', ''),
                multiIf(
                    shape = 'chatcmpl digits', '4|ollama|response id chatcmpl- and up to 3 digits',
                    shape = 'bedrock', '5|aws|response id msg_bdrk_', shape = 'vertex', '5|google|response id msg_vrtx_',
                    banner != 'uvicorn', '',
                    shape = 'chatcmpl uuid', '4|litellm|response id chatcmpl- and a UUID, server uvicorn',
                    shape = 'chatcmpl hex', '4|vllm|response id chatcmpl- and hex digits, server uvicorn',
                    shape = 'hex', '4|sglang|response id of 32 hex digits, server uvicorn', ''),
                multiIf(
                    banner IN ('envoy', 'istio-envoy'), '6|envoy|server header',
                    banner IN ('nginx', 'openresty', 'caddy', 'apache', 'cloudflare', 'kong', 'traefik', 'haproxy', 'awselb', 'akamaighost'), concat('6|', banner, '|server header'), '')
            ]) AS told
        FROM alike
    ),
    groups AS
    (
        SELECT network, client_ip, agent_id, server_ip, server_port, host, hop, sumMap(told, arrayMap(text -> n, told)) AS sums,
            groupUniqArray(provider) AS providers, groupUniqArray(dialect) AS dialects, groupUniqArray(20)(model) AS models,
            sum(n) AS calls, sum(failed) AS errors, min(first) AS first_seen, max(last) AS last_seen
        FROM read GROUP BY network, client_ip, agent_id, server_ip, server_port, host, hop
    ),
    onward AS
    (
        SELECT network, client_ip, agent_id, server_ip, server_port, host, 1 AS hop, groupUniqArray(next_server) AS forwards_to, sumIf(n, by_litellm) AS by_litellm
        FROM forwarded GROUP BY network, client_ip, agent_id, server_ip, server_port, host
    ),
    arrayConcat(arrayZip(sums.1, sums.2), if(by_litellm = 0, [], [('2|litellm|user agent of the next hop', by_litellm)])) AS pairs,
    arraySort(pair -> (substring(pair.1, 1, 1), -toInt64(pair.2), pair.1), pairs) AS ranked,
    arrayMap(pair -> splitByChar('|', pair.1)[2], ranked) AS names
SELECT network, client_ip, agent_id, server_ip, server_port, host, toUInt8(hop) AS hop, names[1] AS software,
    arrayMap(pair -> concat(splitByChar('|', pair.1)[2], ': ', splitByChar('|', pair.1)[3], ' (', toString(pair.2), ' calls)'), ranked) AS evidence,
    arrayFilter(other -> other != names[1], arrayDistinct(names)) AS other_software,
    arraySort(providers) AS providers, arraySort(dialects) AS dialects, arraySort(models) AS models, arraySort(forwards_to) AS forwards_to,
    calls, errors, first_seen, last_seen
FROM groups LEFT JOIN onward USING (network, client_ip, agent_id, server_ip, server_port, host, hop)
COMMENT 'Which clients call which servers, and what software these are, with the evidence';
