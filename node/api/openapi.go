package api

import (
	_ "embed"
)

// openAPI describes the API (OpenAPI 3.1). The tests hold every request and every
// answer against it.
//
//go:embed openapi.json
var openAPI []byte

func (s *Server) serveOpenAPI(c *call) error {
	c.w.Header().Set("Content-Type", jsonType)
	_, err := c.w.Write(openAPI)
	return err
}
