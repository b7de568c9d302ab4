package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A route is one row of the API.
type route struct {
	method, path string
	query        []string // the parameters it takes
	do           func(*Server, *call) error
}

const healthPath = "/healthz" // the only one that needs no token

var routes = []route{
	{"GET", "/v1/status", nil, (*Server).status},
	{"GET", "/v1/records/{collection}", []string{"where", "limit", "cursor"}, (*Server).list},
	{"POST", "/v1/records/{collection}", nil, (*Server).create},
	{"GET", "/v1/records/{collection}/{id}", []string{"at"}, (*Server).get},
	{"PUT", "/v1/records/{collection}/{id}", nil, (*Server).put},
	{"PATCH", "/v1/records/{collection}/{id}", nil, (*Server).patch},
	{"DELETE", "/v1/records/{collection}/{id}", nil, (*Server).delete},
	{"POST", "/v1/records/{collection}/{id}/undelete", nil, (*Server).undelete},
	{"GET", "/v1/records/{collection}/{id}/history", nil, (*Server).history},
	{"POST", "/v1/records/{collection}/{id}/resolve", nil, (*Server).resolve},
	{"POST", "/v1/transactions", nil, (*Server).transact},
	{"POST", "/v1/import", []string{"atomic"}, (*Server).importLines},
	{"GET", "/v1/export", []string{"collection"}, (*Server).export},
	{"GET", "/v1/conflicts", []string{"limit", "cursor"}, (*Server).conflicts},
	{"GET", "/v1/quarantine", nil, (*Server).quarantine},
	{"GET", "/v1/changes", []string{"since", "collection", "follow"}, (*Server).changes},
	{"GET", "/v1/peers", nil, (*Server).peers},
	{"GET", "/v1/devices", nil, (*Server).devices},
	{"POST", "/v1/devices/recover", nil, (*Server).recover},
	{"GET", "/v1/doctor", nil, (*Server).doctor},
	{"POST", "/v1/invites", nil, (*Server).invite},
	{"POST", "/v1/verify", nil, (*Server).verifyAll},
	{"GET", "/metrics", nil, (*Server).serveMetrics},
	{"GET", healthPath, []string{"nonce"}, (*Server).health},
	{"GET", "/openapi.json", nil, (*Server).serveOpenAPI},
}

// A resource answers at one path.
type resource struct {
	path     string
	segments []string // of the path
	methods  map[string]*route
}

// unknownPath is the pattern of a request to a path that there is not.
const unknownPath = "/"

func resources() (all []*resource) {
	for i := range routes {
		r := &routes[i]
		n := slices.IndexFunc(all, func(x *resource) bool { return x.path == r.path })
		if n < 0 {
			n = len(all)
			all = append(all, &resource{r.path, strings.Split(r.path, "/"), map[string]*route{}})
		}
		all[n].methods[r.method] = r
	}
	return all
}

// find gives the resource that a request is for, nil if there is none. The path
// is cut before it is unescaped: any text can be the id of a record, even "/",
// which http.ServeMux would not find.
func (s *Server) find(r *http.Request) *resource {
	r.Pattern = unknownPath
	segments := strings.Split(r.URL.EscapedPath(), "/")
	for i, text := range segments {
		var err error
		if segments[i], err = url.PathUnescape(text); err != nil {
			return nil
		}
	}
	for _, x := range s.resources {
		if x.fits(segments) {
			r.Pattern = x.path
			x.take(r, segments)
			return x
		}
	}
	return nil
}

func (x *resource) fits(segments []string) bool {
	return slices.EqualFunc(x.segments, segments, func(want, got string) bool {
		return want == got || isWildcard(want) && got != ""
	})
}

// take gives the request what stands in place of the wildcards.
func (x *resource) take(r *http.Request, segments []string) {
	for i, want := range x.segments {
		if isWildcard(want) {
			r.SetPathValue(strings.Trim(want, "{}"), segments[i])
		}
	}
}

func isWildcard(segment string) bool { return strings.HasPrefix(segment, "{") }

func (s *Server) answer(w *response, r *http.Request) error {
	x := s.find(r)
	if x == nil {
		return &problem{Status: http.StatusNotFound, Detail: "There is nothing at this path. /openapi.json lists what there is."}
	}
	route := x.methods[r.Method]
	if route == nil {
		allowed := make([]string, 0, len(x.methods))
		for m := range x.methods {
			allowed = append(allowed, m)
		}
		slices.Sort(allowed)
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		return &problem{Status: http.StatusMethodNotAllowed, Detail: "This path takes " + strings.Join(allowed, ", ") + "."}
	}
	query, err := route.parseQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	return route.do(s, &call{w: w, r: r, query: query})
}

// parseQuery refuses what the route does not know, so that a misspelt parameter
// is not taken for none.
func (x *route) parseQuery(raw string) (url.Values, error) {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, badRequest("The query string is malformed.")
	}
	for name, values := range query {
		if !slices.Contains(x.query, name) {
			return nil, badRequest("There is no parameter %q here%s.", name, listed(x.query))
		}
		if len(values) > 1 && name != "where" {
			return nil, badRequest("The parameter %q stands in the query more than once.", name)
		}
	}
	return query, nil
}

func listed(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "; there is " + strings.Join(names, ", ")
}
