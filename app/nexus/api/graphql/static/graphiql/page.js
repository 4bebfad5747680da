// Starts GraphiQL. Every mutation gets an Idempotency-Key of its own, unless the headers' tab names one.
"use strict";

(() => {
  const place = document.getElementById("graphiql");
  const isMutation = (query) => /^\s*mutation\b/m.test(query);

  const fetcher = async (parameters, options) => {
    const headers = { "Content-Type": "application/json", Accept: "application/graphql-response+json" };
    if (isMutation(parameters.query)) headers["Idempotency-Key"] = crypto.randomUUID();
    const { query, variables, operationName } = parameters;
    const response = await fetch(place.dataset.endpoint, {
      method: "POST",
      credentials: "omit",
      headers: { ...headers, ...(options && options.headers) },
      body: JSON.stringify({ query, variables, operationName }),
    });
    return response.json();
  };

  const welcome = `# Nexus, by GraphQL. Try:

{
  publicTimeline(first: 5) {
    edges {
      node {
        post {
          text
          author {
            handle
          }
        }
      }
    }
  }
}

# To act for somebody, add below, in "Headers":
#   {"Authorization": "Bearer .."}
`;

  ReactDOM.createRoot(place).render(
    React.createElement(GraphiQL, { fetcher, defaultQuery: welcome, shouldPersistHeaders: false }),
  );
})();
