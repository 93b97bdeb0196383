#include "api/docs_page.h"

namespace afluente::api {

const std::string_view kDocsHtml = R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/style.css">
<script src="docs/form.js" defer></script>
<script src="docs/app.js" defer></script>
</head>
<body>
<header>
  <div>
    <h1 id="title">API</h1>
    <p id="about">Reading the description&hellip;</p>
  </div>
  <input id="search" type="search" placeholder="Filter endpoints" aria-label="Filter endpoints">
</header>
<main id="endpoints"></main>
<footer>
  <a href="openapi.json">openapi.json</a>
  <a href="health">health</a>
</footer>
<noscript><p>This page draws <a href="openapi.json">openapi.json</a> with JavaScript.</p></noscript>
</body>
</html>
)html";

}  // namespace afluente::api
