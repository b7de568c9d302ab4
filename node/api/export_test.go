package api

import "bytes"

// Routes lists what the API answers, as "METHOD /path".
func Routes() []string {
	var list []string
	for _, r := range routes {
		list = append(list, r.method+" "+r.path)
	}
	return list
}

// OpenAPI is the document that the API serves.
func OpenAPI() []byte { return bytes.Clone(openAPI) }
