document.title = "x"; export {};
