-- A call is looked for once, and what it names in the same step (docs/decisions/0028). A scalar is computed once, however often it is named.
CREATE OR REPLACE VIEW texts_of AS
WITH
    (SELECT (count(), any(request_skeleton), any(request_parts), any(response_content)) FROM calls WHERE call_id = {call_id:String}) AS found,
    groupArray(hash) AS hashes,
    groupArray(text) AS bodies
SELECT
    arrayStringConcat(arrayMap((between, part) -> concat(between, if(part = '', '', bodies[indexOf(hashes, part)])), splitByChar('\0', found.2), arrayPushBack(found.3, ''))) AS request,
    if(found.4 = '', '', bodies[indexOf(hashes, found.4)]) AS response
FROM contents WHERE hash IN arrayPushBack(found.3, found.4)
HAVING found.1 > 0
COMMENT 'The request of a call, byte for byte as it was sent, and its response as it is stored: SELECT request, response FROM texts_of(call_id = ''…'')';
