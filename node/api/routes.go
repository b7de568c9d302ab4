package api

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"musafir/node/patient"
)

// A route is one row of the API.
type route struct {
	method, path string
	needs        right
	query        []string // the parameters it takes
	do           func(*Server, *call) error
}

const healthPath = "/healthz" // the only one that needs no token

var routes = []route{
	{"GET", "/v1/status", read, nil, (*Server).status},
	{"GET", "/v1/records/{collection}", read, []string{"where", "limit", "cursor"}, (*Server).list},
	{"POST", "/v1/records/{collection}", write, nil, (*Server).create},
	{"GET", "/v1/records/{collection}/{id}", read, []string{"at"}, (*Server).get},
	{"PUT", "/v1/records/{collection}/{id}", write, nil, (*Server).put},
	{"PATCH", "/v1/records/{collection}/{id}", write, nil, (*Server).patch},
	{"DELETE", "/v1/records/{collection}/{id}", write, nil, (*Server).delete},
	{"POST", "/v1/records/{collection}/{id}/undelete", write, nil, (*Server).undelete},
	{"GET", "/v1/records/{collection}/{id}/history", read, nil, (*Server).history},
	{"POST", "/v1/records/{collection}/{id}/resolve", write, nil, (*Server).resolve},
	{"POST", "/v1/transactions", write, nil, (*Server).transact},
	{"POST", "/v1/import", write, []string{"atomic"}, (*Server).importLines},
	{"GET", "/v1/export", read, []string{"collection"}, (*Server).export},
	{"GET", "/v1/conflicts", read, []string{"limit", "cursor"}, (*Server).conflicts},
	{"GET", "/v1/quarantine", read, nil, (*Server).quarantine},
	{"GET", "/v1/changes", read, []string{"since", "collection", "follow"}, (*Server).changes},
	{"GET", "/v1/peers", read, nil, (*Server).peers},
	{"GET", "/v1/devices", read, nil, (*Server).devices},
	{"POST", "/v1/devices/recover", administer, nil, (*Server).recover},
	{"GET", "/v1/doctor", read, nil, (*Server).doctor},
	{"POST", "/v1/invites", administer, nil, (*Server).invite},
	{"GET", "/v1/users", read, nil, (*Server).users},
	{"POST", "/v1/users", administer, nil, (*Server).addUser},
	{"POST", "/v1/users/{id}/password", administer, nil, (*Server).setPassword},
	{"POST", "/v1/users/{id}/disable", administer, nil, (*Server).disableUser},
	{"POST", "/v1/users/{id}/enable", administer, nil, (*Server).enableUser},
	{"GET", "/v1/phones", read, nil, (*Server).phones},
	{"GET", "/v1/phones/incomplete", read, []string{"limit", "cursor"}, (*Server).incomplete},
	{"POST", "/v1/phones/approval", administer, nil, (*Server).requireApproval},
	{"POST", "/v1/phones/listen", administer, nil, (*Server).listenForPhones},
	{"DELETE", "/v1/phones/listen", administer, nil, (*Server).stopPhones},
	{"POST", "/v1/phones/{id}/revoke", administer, nil, (*Server).revokePhone},
	{"POST", "/v1/phones/{id}/approve", administer, nil, (*Server).approvePhone},
	{"GET", "/v1/phones/held", read, []string{"limit", "cursor"}, (*Server).heldRows},
	{"GET", "/v1/phones/held/{id}", read, nil, (*Server).heldRow},
	{"DELETE", "/v1/phones/held/{id}", administer, nil, (*Server).dropHeld},
	{"POST", "/v1/apply", administer, []string{"dry"}, (*Server).apply},
	{"POST", "/v1/verify", administer, nil, (*Server).verifyAll},
	{"GET", "/metrics", read, nil, (*Server).serveMetrics},
	{"GET", healthPath, nothing, []string{"nonce"}, (*Server).health},
	{"GET", "/openapi.json", read, nil, (*Server).serveOpenAPI},
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

// allowed lists the methods of a path.
func (x *resource) allowed() string {
	return strings.Join(slices.Sorted(maps.Keys(x.methods)), ", ")
}

func (s *Server) answer(w *patient.Response, r *http.Request, by asker) error {
	x := s.find(r)
	if x == nil {
		return errNoPath
	}
	route := x.methods[r.Method]
	if route == nil {
		w.Header().Set("Allow", x.allowed())
		return &problem{Status: http.StatusMethodNotAllowed, Detail: "This path takes " + x.allowed() + "."}
	}
	if err := by.refuse(route); err != nil {
		return err
	}
	query, err := route.parseQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	return route.do(s, &call{w: w, r: r, by: by, query: query})
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
